"""Conditional requests: validators from the versions of a page's tags, and a 304 without rendering or a query."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, TypeVar, cast

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponseBase
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.http import http_date
from django.utils.translation import get_language

from invalidation import conf
from invalidation.caching.values.entry import Stamps
from invalidation.caching.values.reads import Reads
from invalidation.caching.values.store import ABSENT, TaggedCache, names
from invalidation.http import automatic, policy
from invalidation.http.address import is_declared
from invalidation.http.tags import add_cache_tags, readings_of, tags_of, untagged_in
from invalidation.tracking import collector

View = TypeVar("View", bound=Callable[..., Any])
Tags = str | Iterable[str] | Callable[..., str | Iterable[str]]
#: What a page's first rendering left: its own tags, which a 304 must carry too, and when that was.
RECORD_KEY = "invalidation:conditional:"
RECORD_SECONDS = 86_400
#: A page younger than this has no date: a date has whole seconds, and the servers' clocks differ.
DATED_AFTER_SECONDS = 5
RENDERED = 200


@dataclass(frozen=True, slots=True)
class Page:
    """One variant of a page, and what was known of it when the request came in."""

    variant: str
    stamps: Stamps
    record: Any
    seen: Reads | None = None
    """Cached values that it is made of, for a page that is to be stored."""

    @property
    def etag(self) -> str:
        """Weak: a proxy may compress the body on the way. Another tag version, variant or release is another page."""
        versions = [f"{tag}={version}" for tag, version in sorted(self.stamps.items())]
        return f'W/"{_digest([self.variant, *versions])}"'

    @property
    def modified_at(self) -> int | None:
        """Second of the first rendering, which is later than any change that it shows; None while it is too young."""
        if self.record is ABSENT or time.time() < self.record["at"] + DATED_AFTER_SECONDS:
            return None
        return int(self.record["at"])


class Conditional:
    """What the decorator knows of its view."""

    prefix = RECORD_KEY

    def __init__(self, tags: Tags | None, vary: Iterable[str], alias: str) -> None:
        self.tags = tags
        self.vary = tuple(vary)
        self.cache = TaggedCache(alias)

    def begin(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Page | None:
        """The page that is asked for; None where it may be personal, or its versions can't be had. One round trip."""
        if request.method not in ("GET", "HEAD") or policy.is_personal(request) or not is_declared(request):
            return None
        if self.tags is None and readings_of(request) is None:
            return None
        given = self.tags(request, *args, **kwargs) if callable(self.tags) else self.tags
        tags = names(given or ())
        variant = self._variant(request)
        with collector.opened(None):  # the page depends on what it shows, which may be less
            record, stamps = self.cache.look(self.prefix + variant, tags=tags)
        return Page(variant, stamps, record) if set(tags) <= set(stamps) else None

    def _variant(self, request: HttpRequest) -> str:
        """Whatever else the content depends on: two variants must not share an ETag."""
        asked = [request.headers.get(name, "") for name in self.vary]
        return _digest([conf.settings().pages.release, request.build_absolute_uri(), get_language() or "", *asked])

    def answer(self, request: HttpRequest, page: Page) -> HttpResponseBase | None:
        """A 304 where the visitor has the page as it is, tagged as the page is."""
        if page.record is ABSENT:
            return None
        answer: HttpResponseBase | None = get_conditional_response(request, page.etag, page.modified_at)
        if answer is not None:
            add_cache_tags(request, *page.record["tags"])
            automatic.recall(request, page.record)
            self._validate(answer, page)
        return answer

    def end(self, request: HttpRequest, response: HttpResponseBase, page: Page) -> None:
        """Give a rendered page its validators, and remember its tags."""
        if response.status_code == RENDERED and not response.streaming:
            when_rendered(response, lambda: self._end_rendered(request, response, page))

    def _end_rendered(self, request: HttpRequest, response: HttpResponseBase, page: Page) -> None:
        """Of what is known by its reads alone nothing is said while something in it has no tag."""
        if self.tags is None and untagged_in(request):
            return
        if page.record is ABSENT:
            record = {"tags": sorted(tags_of(request)), "at": time.time(), **automatic.record_of(request)}
            page = self._stamped(page, request)
            # By named tags: it shows nothing but what the view read, which ran after the stamps were taken.
            is_kept = self._remember(page, record, RECORD_SECONDS, reads_all=self.tags is not None)
            if self.tags is None and not is_kept:
                return
        self._validate(response, page)

    def _stamped(self, page: Page, request: HttpRequest) -> Page:
        """With the present versions of what it read, where nobody named its tags before."""
        return page if self.tags is not None else replace(page, stamps=self.cache.stamps(tags_of(request)))

    def _remember(self, page: Page, record: dict[str, Any], seconds: float, *, reads_all: bool = False) -> bool:
        key, tags = self.prefix + page.variant, tuple(page.stamps)
        return self.cache.set(key, record, seconds, tags=tags, stamps=page.stamps, seen=page.seen, reads_all=reads_all)

    def _validate(self, response: HttpResponseBase, page: Page) -> None:
        response.headers.setdefault("ETag", page.etag)
        if page.modified_at is not None:
            response.headers.setdefault("Last-Modified", http_date(page.modified_at))
        if self.vary:
            patch_vary_headers(response, self.vary)


def when_rendered(response: Any, then: Callable[[], object]) -> None:
    """A TemplateResponse is rendered after the view, and only then knows its tags."""
    render_later = getattr(response, "add_post_render_callback", None)
    if render_later and not getattr(response, "is_rendered", True):
        render_later(lambda _: then())
    else:
        then()


def _digest(parts: Iterable[str]) -> str:
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()


def conditional(
    *, tags: Tags | None = None, vary: Iterable[str] = (), alias: str = "default"
) -> Callable[[View], View]:
    """Decorate a view whose public content depends on `tags` and on nothing else that changes.

    `tags` may be wider than the tags that the page carries, which stay as they are: those of the models, where the
    object isn't known without a query. They may be a function of the view's arguments. `vary` names request headers
    that select a variant. Visitors with a session or credentials get what the view gives, without validators.

    Without `tags` the page depends on what it read when it was last rendered, where automatic tags are on; else it gets
    no validators.
    """
    return around(Conditional(tags, vary, alias))


def around(condition: Conditional) -> Callable[[View], View]:
    """Decorate a view, sync or async: `condition` may answer in its place, and sees what it rendered."""

    def decorate(view: View) -> View:
        @wraps(view)
        def asked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            page = condition.begin(request, *args, **kwargs)
            known = page and condition.answer(request, page)
            response: HttpResponseBase = known or view(request, *args, **kwargs)
            if page and not known:
                condition.end(request, response, page)
            return response

        @wraps(view)
        async def asked_async(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            page = await sync_to_async(condition.begin)(request, *args, **kwargs)
            known = page and condition.answer(request, page)
            response: HttpResponseBase = known or await view(request, *args, **kwargs)
            if page and not known:
                await sync_to_async(condition.end)(request, response, page)
            return response

        return cast("View", asked_async if iscoroutinefunction(view) else asked)

    return decorate

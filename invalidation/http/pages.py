"""Whole pages in an application cache, for what everybody may see: `cache_page` that tags and privacy are safe with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import patch_vary_headers

from invalidation import conf
from invalidation.caching.values import reads
from invalidation.caching.values.store import ABSENT
from invalidation.http import automatic, cacheable, policy
from invalidation.http.etags import RENDERED, Conditional, Page, Tags, View, around, when_rendered
from invalidation.http.tags import add_cache_tags, tags_of


class PublicPages(Conditional):
    """Pages of one view."""

    prefix = "invalidation:page:"

    def __init__(self, seconds: float, tags: Tags | None, vary: Iterable[str], alias: str) -> None:
        super().__init__(tags, vary, alias)
        self.seconds = seconds

    def begin(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Page | None:
        """Watch what it is made of where it is to be rendered: a template may be after the view has returned."""
        page = super().begin(request, *args, **kwargs)
        return replace(page, seen=reads.collect()) if page and page.record is ABSENT else page

    def answer(self, request: HttpRequest, page: Page) -> HttpResponseBase | None:
        """The stored page, tagged as it was when it was rendered: the caches outside must find their copies."""
        if page.record is ABSENT:
            return None
        add_cache_tags(request, *page.record["tags"])
        automatic.recall(request, page.record)
        return HttpResponse(page.record["body"], headers=page.record["headers"])

    def end(self, request: HttpRequest, response: HttpResponseBase, page: Page) -> None:
        """Store a page that is the same for everybody."""
        if self.vary:
            patch_vary_headers(response, self.vary)
        if isinstance(response, HttpResponse) and _is_public(request, response):
            when_rendered(response, lambda: self._store(request, response, page))

    def _store(self, request: HttpRequest, response: HttpResponse, page: Page) -> None:
        record = {"body": response.content, "headers": dict(response.headers), "tags": sorted(tags_of(request))}
        untagged = automatic.record_of(request)
        most = conf.settings().pages.untagged_ttl_seconds
        seconds = min(self.seconds, most) if untagged and self.tags is None else self.seconds
        self._remember(self._stamped(page, request), record | untagged, seconds)


def _is_public(request: HttpRequest, response: HttpResponse) -> bool:
    """Did nothing in it depend on who asked? What a view may not show of that yet, middleware adds to it later."""
    forbidden = cacheable.FORBIDDING & set(cacheable.directives(response.headers.get("Cache-Control", "")))
    varies = "cookie" in response.headers.get("Vary", "").lower()
    session, messages = getattr(request, "session", None), getattr(request, "_messages", None)
    looked = [getattr(session, "accessed", False)]
    looked += [getattr(messages, name, False) for name in ("used", "added_new")]
    whole = request.method == "GET" and response.status_code == RENDERED
    return whole and not (forbidden or varies or any(looked) or policy.private_because(request, response))


def cache_public_page(
    seconds: float, *, tags: Tags | None = None, vary: Iterable[str] = (), alias: str = "default"
) -> Callable[[View], View]:
    """Decorate a view whose public content depends on `tags`, which may be a function of its arguments.

    Use it where Django's `cache_page` would be used: an invalidation of one of the tags ends the stored page at once,
    a page that was being rendered meanwhile included; a stored page carries its tags outwards; and visitors with a
    session or credentials, responses that set a cookie, carry a CSRF token, vary by cookie or say that they are
    private are neither answered from it nor stored. `vary` names request headers that select a variant; `seconds` is
    how long a page is kept at most. Without `tags` the page depends on what it reads, where automatic tags are on; else
    nothing is stored.
    """
    return around(PublicPages(seconds, tags, vary, alias))

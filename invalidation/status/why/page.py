"""What is known of an address before any node is asked for it, and what to say of that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import redis

from invalidation.conf import Settings
from invalidation.freshness import index
from invalidation.freshness.clients import ask
from invalidation.targets import sites


@dataclass(frozen=True, slots=True)
class Page:
    """One address, as the tag index knows it."""

    url: str
    tags: frozenset[str] = frozenset()
    rendered_at: datetime | None = None
    """When it was rendered last; None where the index doesn't know it."""

    overflowing: tuple[str, ...] = ()
    """Those of its tags that had more pages than the index keeps."""

    is_refused: bool = False
    """Was what was rendered last outdated already, so that nobody may keep it?"""

    readable: bool = True
    """Could the index be asked?"""


def known(url: str) -> Page:
    """What the index says, in two round trips."""
    return ask(lambda server: _read(server, url), Page(url, readable=False))


def _read(server: redis.Redis, url: str) -> Page:
    found = index.entry(server, url)
    if found is None:
        return Page(url)
    overflowing = tuple(index.overflowing(server, sorted(found.tags)))
    return Page(url, found.tags, found.registered_at, overflowing, is_refused=found.is_refused)


def remarks(page: Page, settings: Settings) -> Iterator[str]:
    """What a person should know of the address, in sentences. Pure."""
    if not page.readable:
        yield "The tag index can't be read: is the Redis of REDIS_URL away? Tags and renders are not known."
    yield from _of_address(page.url, settings)
    if page.rendered_at and not page.tags:
        yield (
            "It carries no tag: nothing but a purge of its address, of a prefix or of everything reaches it. "
            "Tag its view with `@cache_tags`, or set PAGES['AUTOMATIC_TAGS']."
        )
    if page.overflowing:
        yield (
            f"More pages carry {', '.join(page.overflowing)} than the tag index keeps for a tag: a purge of that "
            "empties each tier which can't purge by tag. Use finer tags, or raise INDEX['MAX_URLS_PER_TAG']."
        )


def _of_address(url: str, settings: Settings) -> Iterator[str]:
    origin = sites.origin(url)
    target = url[len(origin) :]
    if not settings.pages.query_parameters.know(target):
        canonical = origin + settings.pages.query_parameters.canonical(target)
        if canonical == url:
            yield (
                "It has query parameters where none are declared: such a page lives shortly. "
                "Declare them in PAGES['QUERY_PARAMETERS']."
            )
        else:
            yield f"The proxies file it as {canonical}: PAGES['QUERY_PARAMETERS'] declares no other parameter there."
    if not index.is_indexable(url):
        yield (
            "The tag index takes no such address, for it is too long, or spells plain letters as %62: the page lives "
            "shortly, and no purge by tag finds it where a tier can't purge by tag. Ask for it as links spell it."
        )

"""What caches hold, as far as the tag index and the caches of values tell: read in portions, up to a limit."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import redis
from django.core.cache import caches

from invalidation import conf
from invalidation.audit.blame import view_of
from invalidation.audit.facts import Page, family
from invalidation.freshness import index
from invalidation.providers.redis import TAG_VERSION_KEY, Redis
from invalidation.providers.registry import provider
from invalidation.targets import sites

#: Families that an audit has seen on a page, by the second at which one did. A page that was purged, and that nobody
#: has asked for since, has left the index: what it carried is no dead tag for that.
CARRIED_KEY = "invalidation:carried"
CARRIED_SECONDS = 30 * 86_400
MOST_CARRIED = 10_000
#: Keys of the server among which the sets of tags are looked for, for each page that may be read.
KEYS_PER_PAGE = 100
#: Tags that caches of values are asked for, and at a time.
MOST_ASKED, ASKED_AT_ONCE = 10_000, 500


@dataclass(frozen=True, slots=True)
class Known:
    """What the tag index knows."""

    pages: tuple[Page, ...]
    families: frozenset[str]
    """Of the tags that some page carries, or carried when an audit looked."""

    unreadable: int = 0
    """Entries that another version, or another program, wrote."""

    is_whole: bool = True
    """Were all keys looked at? Else a tag that was not found may be carried."""

    of: int = 0
    """Pages that the index has."""


def known(server: redis.Redis, limit: int) -> Known:
    """At most `limit` pages, and the families of all tags as far as that many keys show.

    `server` answers in bytes.

    Raises:
        UNAVAILABLE: it doesn't, or holds something else under the keys of the index.
    """
    entries = list(index.every_page(server, limit))
    pages = dict(filter(None, entries))
    tags = list(_families(index.every_tag(server, limit * KEYS_PER_PAGE)))
    families = frozenset(filter(None, tags)) | {family(tag) for carried in pages.values() for tag in carried}
    remembered = _remember(server, families)
    size, _ = index.size(server)
    found = tuple(page(url, tags) for url, tags in sorted(pages.items()))
    return Known(found, families | remembered, entries.count(None), None not in tags, size)


def page(url: str, tags: frozenset[str] | None = None, listed_by: str = "") -> Page:
    """An address with the view behind it."""
    origin, view = sites.origin(url), view_of(url)
    return Page(url, origin, url[len(origin) :] or "/", view.route, view.name, tags, listed_by)


def _families(tags: Iterable[str | None]) -> Iterator[str | None]:
    """Each once, whatever the number of tags."""
    seen: set[str | None] = set()
    for tag in tags:
        name = None if tag is None else family(tag)
        if name not in seen:
            seen.add(name)
            yield name


def _remember(server: redis.Redis, families: Collection[str]) -> set[str]:
    """Note when these were seen; returns those that were within the last thirty days."""
    now = time.time()
    pipeline = server.pipeline(transaction=False)
    pipeline.zremrangebyscore(CARRIED_KEY, "-inf", now - CARRIED_SECONDS)
    for some in _chunks(sorted(families)[:MOST_CARRIED]):
        pipeline.zadd(CARRIED_KEY, dict.fromkeys(some, now))
    pipeline.zremrangebyrank(CARRIED_KEY, 0, -MOST_CARRIED - 1)
    pipeline.expire(CARRIED_KEY, CARRIED_SECONDS)
    pipeline.zrange(CARRIED_KEY, 0, -1)
    return {name.decode(errors="replace") for name in pipeline.execute()[-1]}


def in_values(tags: Iterable[str]) -> set[str]:
    """Families of those tags that cached values are stamped with, in the caches of the tiers of values.

    Raises:
        What `away()` names: a cache does not answer.
    """
    wanted = list(islice(dict.fromkeys(tags), MOST_ASKED))
    return {family(tag) for alias in _aliases() for some in _chunks(wanted) for tag in _stamped(alias, some)}


def _aliases() -> set[str]:
    tiers = conf.settings().tiers.values()
    products = [provider(tier.name, tier.nodes[0]) for tier in tiers]
    return {alias for product in products if isinstance(product, Redis) for alias in product.aliases}


def _stamped(alias: str, tags: Sequence[str]) -> Iterator[str]:
    found = caches[alias].get_many([TAG_VERSION_KEY + tag for tag in tags], version=1)
    return (key.removeprefix(TAG_VERSION_KEY) for key in found)


def _chunks(items: Sequence[str]) -> Iterator[Sequence[str]]:
    return (items[start : start + ASKED_AT_ONCE] for start in range(0, len(items), ASKED_AT_ONCE))

"""Django caches: keys of any alias and version, and the tag versions that the tagged cache compares."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby, islice
from operator import attrgetter
from typing import Any, ClassVar

from django.core.cache import BaseCache, InvalidCacheBackendError, caches
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.exceptions import ImproperlyConfigured

from invalidation.conf.backends import away, is_django_redis
from invalidation.exceptions import RejectedError, TransientError
from invalidation.providers.answers.reply import Reply
from invalidation.providers.base import Provider
from invalidation.targets.values import CacheKey

#: Keys looked at per SCAN, and removed per UNLINK.
SCAN_COUNT = 1000
TAG_VERSION_KEY = "invalidation:tag:"


class Redis(Provider):
    """Every alias in the option `CACHES`, through django-redis or any other Django cache backend."""

    holds_responses: ClassVar[bool] = False
    supports_tags: bool = True
    supports_everything: bool = True
    max_tags_per_call: int = 1000

    def __init__(self, tier: str, node: str, options: Mapping[str, Any]) -> None:
        super().__init__(tier, node, options)
        if unknown := set(options) - {"CACHES"}:
            raise ImproperlyConfigured(f"Tier {tier!r} has unknown OPTIONS {sorted(unknown)}; known is 'CACHES'.")
        self.aliases = tuple(options.get("CACHES", ["default"]))

    def purge_urls(self, urls: Sequence[str]) -> Reply:
        """Application caches hold values, not URLs: nothing to remove."""
        return Reply(removed=0)

    def purge_tags(self, tags: Sequence[str]) -> Reply:
        """Delete the version of each tag; a missing version equals none, so every value stamped with it is stale."""
        keys = [TAG_VERSION_KEY + tag for tag in tags]
        return Reply(removed=_total(_deleted(alias, keys, 1) for alias in self.aliases))

    def purge_keys(self, keys: Sequence[CacheKey]) -> Reply:
        """Delete keys, one command per alias and version, and what matches patterns."""
        counts: list[int | None] = []
        for (alias, version, by_pattern), group in groupby(sorted(keys, key=_home), key=_home):
            names = [key.key for key in group]
            remove = _matched if by_pattern else _deleted
            counts.append(remove(alias, names, None if version == -1 else version))
        return Reply(removed=_total(counts))

    def purge_everything(self) -> Reply:
        """Empty each alias: its own prefix alone where it has one, for a Redis may serve others too."""
        return Reply(removed=_total(_emptied(alias) for alias in self.aliases))


_home = attrgetter("alias", "version", "pattern")


def is_shared(cache: BaseCache) -> bool:
    """Does another process see what this one removes? Not where each has a memory of its own, or none."""
    return not isinstance(cache, LocMemCache | DummyCache)


def _cache(alias: str) -> Any:
    try:
        cache = caches[alias]
    except InvalidCacheBackendError as error:
        raise RejectedError(f"There is no cache {alias!r} in CACHES; add it or correct the key's alias.") from error
    if is_shared(cache):
        return cache
    raise RejectedError(
        f"Cache {alias!r} is a {type(cache).__name__}, which each process has for itself: a worker can't purge that of "
        "the site. Use a backend that they share."
    )


@contextmanager
def _translated(alias: str, verb: str) -> Iterator[None]:
    """Errors of a server that is away, as ours. django-redis can be told to ignore them; its client never does."""
    try:
        yield
    except away() as error:
        cause = error.__cause__ or error
        raise TransientError(f"Cache {alias!r} did not {verb}: {type(cause).__name__}", reply=str(cause)) from error


def _total(counts: Iterable[int | None]) -> int | None:
    """None where one of the caches doesn't count: a number would claim to know."""
    known_counts = list(counts)
    return None if None in known_counts else sum(count or 0 for count in known_counts)


def _deleted(alias: str, keys: list[str], version: int | None) -> int | None:
    """Delete keys, and count them where the cache does."""
    cache = _cache(alias)
    with _translated(alias, "delete"):
        if is_django_redis(cache):
            return int(cache.client.delete_many(keys, version=version) or 0)
        cache.delete_many(keys, version=version)
        return None


def _emptied(alias: str) -> int | None:
    """Remove every version of every key under the alias' prefix, by SCAN and UNLINK: KEYS stops the server."""
    cache = _cache(alias)
    with _translated(alias, "empty"):
        if not is_django_redis(cache):
            cache.clear()
            return None
        return _unlinked(cache, f"{glob.escape(str(cache.key_prefix))}:*")


def _matched(alias: str, patterns: list[str], version: int | None) -> int:
    """Remove the keys that match, and count them.

    Raises:
        RejectedError: the cache can't list its keys.
    """
    cache = _cache(alias)
    if not is_django_redis(cache):
        raise RejectedError(f"Cache {alias!r} can't find keys by pattern: only caches of django-redis can.")
    with _translated(alias, "remove keys by pattern"):
        return sum(_unlinked(cache, cache.client.make_pattern(pattern, version=version)) for pattern in patterns)


def _unlinked(cache: Any, match: str) -> int:
    """On the primary, whatever replicas there are; one key per UNLINK, because in a cluster keys live apart."""
    server = cache.client.get_client(write=True)
    keys = server.scan_iter(match=match, count=SCAN_COUNT)
    removed = 0
    while chunk := list(islice(keys, SCAN_COUNT)):
        pipeline = server.pipeline(transaction=False)
        for key in chunk:
            pipeline.unlink(key)
        removed += sum(pipeline.execute())
    return removed

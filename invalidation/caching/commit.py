"""Read your writes: whoever commits makes cached values stale at once, whether or not a worker runs.

One bounded round trip for each server that holds versions. One that fails pauses further tries: the worker, which does
the same again, is the truth.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import redis
from django.core.cache import caches
from django.core.cache.backends.db import DatabaseCache
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.filebased import FileBasedCache
from django.core.cache.backends.locmem import LocMemCache

from invalidation import conf, lazy
from invalidation.caching.values import admission
from invalidation.conf.backends import away, is_django_redis, plain_client
from invalidation.conf.changes import when_changed
from invalidation.freshness.clients import client
from invalidation.freshness.sequence import EVERYTHING, STAMPS_PER_CALL, KeysToRemove
from invalidation.providers.redis import TAG_VERSION_KEY, Redis
from invalidation.providers.registry import provider_class

logger = lazy.Logger(__name__)

#: What identifies a server and who one is to it; databases of one server are reached by one connection.
IDENTITY = ("host", "port", "path", "username", "password")
#: Caches that a test may use offline.
WITHOUT_NETWORK = (DatabaseCache, DummyCache, FileBasedCache, LocMemCache)


def replace(*, targets: Sequence[Mapping[str, Any]], **_: Any) -> None:
    """Let no unit of work that began before now store values under these targets, and make those stale that there are.

    In this order: who finds no version makes a new one, and may store under it what it read before the commit.
    """
    tags = sorted({tag for one in targets for tag in one.get("tags", ())})
    wide = [EVERYTHING] if any(one.get("everything") for one in targets) else []
    beside, apart = _places()
    for start in range(0, len(tags) or len(wide), STAMPS_PER_CALL):
        chunk = tags[start : start + STAMPS_PER_CALL]
        keys = [TAG_VERSION_KEY + tag for tag in chunk]
        admission.stamp([*chunk, *wide], _stored_keys(beside, keys))
        for alias in apart:
            _remove(alias, keys)


def _stored_keys(aliases: Sequence[str], keys: Sequence[str]) -> KeysToRemove:
    """The keys as the server knows them, by database."""
    by_database: defaultdict[int, list[str]] = defaultdict(list)
    for alias in aliases:
        by_database[_address(alias)["db"]] += [str(caches[alias].make_key(key, version=1)) for key in keys]
    return by_database


def _remove(alias: str, keys: list[str]) -> None:
    """As bounded as the cache's own timeouts are."""
    if not keys or time.monotonic() < _left_alone_until[alias]:
        return
    django_cache: Any = caches[alias]
    try:
        (django_cache.client if is_django_redis(django_cache) else django_cache).delete_many(keys, version=1)
    except away() as error:
        _left_alone_until[alias] = time.monotonic() + conf.settings().freshness.redis_pause_seconds
        logger.warning("replacing_failed", cache=alias, error=repr(error))


@cache
def _places() -> tuple[Sequence[str], Sequence[str]]:
    """Aliases of the tiers of values: on the server of the sequence, and elsewhere."""
    server = client()
    home = _identity(server.get_connection_kwargs()) if server else None
    beside = [alias for alias in _aliases() if home and _identity(_address(alias)) == home]
    return beside, [alias for alias in _aliases() if alias not in beside]


def _aliases() -> Iterator[str]:
    for tier in conf.settings().tiers.values():
        if issubclass(provider_class(tier.provider), Redis):
            yield from filter(_may_be_told, tier.options.get("CACHES", ["default"]))


def _may_be_told(alias: str) -> bool:
    """Offline only what needs no network."""
    return not conf.settings().offline or isinstance(caches[alias], WITHOUT_NETWORK)


def _address(alias: str) -> Mapping[str, Any]:
    """Where the writes of a cache go; empty for what is no single Redis."""
    client = plain_client(caches[alias])
    if client is None:
        return {}
    server: redis.Redis = client.get_client(write=True)
    return {"db": 0, **server.get_connection_kwargs()}


def _identity(address: Mapping[str, Any]) -> tuple[Any, ...] | None:
    identity = tuple(address.get(name) for name in IDENTITY)
    return identity if any(identity) else None


@when_changed("INVALIDATION", "CACHES")
def _forget() -> None:
    _places.cache_clear()
    _left_alone_until.clear()


#: Readings of the monotonic clock, by alias.
_left_alone_until: defaultdict[str, float] = defaultdict(float)

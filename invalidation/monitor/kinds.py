"""Tells what product stands behind an alias of CACHES, and reads what it counts about itself.

Django's backends have no public way to reach their servers, tables and folders; each private name that is used here
is named in the function that does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.core.cache import BaseCache
from django.core.cache.backends.db import DatabaseCache
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.filebased import FileBasedCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.memcached import BaseMemcachedCache
from django.core.cache.backends.redis import RedisCache
from django.db import connections, router

from invalidation.conf.backends import is_django_redis, plain_client
from invalidation.monitor import redis
from invalidation.monitor.report import Counters, Server


@dataclass(frozen=True, slots=True)
class Reading:
    """Counters, servers, and what is wrong."""

    counters: Counters = field(default_factory=Counters)
    servers: Sequence[Server] = ()
    problems: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """One product; `read` may raise whatever its client does."""

    name: str
    read: Callable[[Any], Reading]
    stores: bool = True
    """False for a cache that keeps nothing."""


def of(cache: BaseCache) -> Kind:
    """The kind of this backend; `other` for one that nobody here knows, of which the probe alone is known."""
    if is_django_redis(cache):
        return Kind("redis", _django_redis)
    kinds = (kind for backend, kind in KINDS.items() if isinstance(cache, backend))
    return next(kinds, Kind("other", lambda _cache: Reading()))


def _django_redis(cache: Any) -> Reading:
    """`_server`, the locations, and `connect`, of django-redis' client; other clients show their primary alone."""
    client = plain_client(cache)
    if client is None:
        return Reading(*redis.read([cache.client.get_client(write=True)]))
    return Reading(*redis.read([client.connect(index) for index in range(len(client._server))]))


def _redis(cache: Any) -> Reading:
    """`_cache`, Django's client, its `_servers` and `_pool_options`."""
    inner = cache._cache
    pools = [inner._pool_class.from_url(url, **inner._pool_options) for url in inner._servers]
    return Reading(*redis.read([inner._client(connection_pool=pool) for pool in pools]))


def _memcached(cache: Any) -> Reading:
    """`_servers`, the locations; pymemcache is an extra."""
    from invalidation.monitor import memcached

    return Reading(*memcached.read(cache._servers))


def _local(cache: Any) -> Reading:
    """`_cache`, the dictionary of pickles of this very process."""
    stored = list(cache._cache.values())
    limit = cache._max_entries
    return Reading(
        Counters(entries=len(stored), memory_bytes=sum(map(sys.getsizeof, stored))),
        [Server(f"this process, at most {limit} entries", "")],
    )


def _database(cache: Any) -> Reading:
    """`_table`, and the alias of the database that `cache_model_class` is read from."""
    alias = router.db_for_read(cache.cache_model_class)
    connection = connections[alias]
    table = connection.ops.quote_name(cache._table)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*), COALESCE(SUM(LENGTH(value)), 0) FROM {table}")  # noqa: S608
        entries, size = cursor.fetchone() or (0, 0)
    return Reading(Counters(entries=int(entries), memory_bytes=int(size)), [Server(f"{alias} {cache._table}", "")])


def _files(cache: Any) -> Reading:
    """`_dir`, the folder."""
    folder = Path(cache._dir)
    sizes = list(_sizes(folder.glob(f"*{cache.cache_suffix}")))
    return Reading(Counters(entries=len(sizes), memory_bytes=sum(sizes)), [Server(folder.name, "")])


def _sizes(paths: Iterable[Path]) -> Iterable[int]:
    """Of those that are still there."""
    for path in paths:
        try:
            yield path.stat().st_size
        except FileNotFoundError:
            continue


KINDS: dict[type[BaseCache], Kind] = {
    RedisCache: Kind("redis", _redis),
    BaseMemcachedCache: Kind("memcached", _memcached),
    LocMemCache: Kind("local", _local),
    DatabaseCache: Kind("database", _database),
    FileBasedCache: Kind("file", _files),
    DummyCache: Kind("dummy", lambda _cache: Reading(), stores=False),
}

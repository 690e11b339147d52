"""Caches of every kind, and a row to cache."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.cache import caches
from django.core.management import call_command
from django.db import connection
from pytest_django import Settings

from deploy.local import Memcached, Redis
from invalidation.caching import TaggedCache
from tests.fixtures.stores import EachApart

TABLE = "caching_cache"
ALIASES = ("redis", "django-redis", "locmem", "file", "memcached", "database")


def configured(server: Redis, memcached: Memcached, folder: Path) -> dict[str, dict[str, object]]:
    """CACHES with one alias of each backend."""
    backends = "django.core.cache.backends"
    return {
        "default": {"BACKEND": f"{backends}.locmem.LocMemCache", "LOCATION": "caching-default"},
        "locmem": {"BACKEND": f"{backends}.locmem.LocMemCache", "LOCATION": "caching"},
        "file": {"BACKEND": f"{backends}.filebased.FileBasedCache", "LOCATION": str(folder)},
        "memcached": {"BACKEND": f"{backends}.memcached.PyMemcacheCache", "LOCATION": memcached.address},
        "database": {"BACKEND": f"{backends}.db.DatabaseCache", "LOCATION": TABLE},
        "redis": {"BACKEND": f"{backends}.redis.RedisCache", "LOCATION": server.url(11)},
        "django-redis": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": server.url(12)},
    }


@pytest.fixture
def cache_aliases(
    settings: Settings, redis_server: Redis, memcached_server: Memcached, tmp_path: Path, freshness: None
) -> Iterator[None]:
    """Every backend, empty; the one in the database needs a table besides."""
    settings.CACHES = configured(redis_server, memcached_server, tmp_path)
    _clear()
    yield
    _clear()


def _clear() -> None:
    for alias in ALIASES:
        if alias != "database":
            caches[alias].clear()


@pytest.fixture
def cache_table(cache_aliases: None, transactional_db: None) -> Iterator[None]:
    """The table of the cache in the database."""
    call_command("createcachetable")
    yield
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {TABLE}")


@pytest.fixture(params=ALIASES)
def tagged(request: pytest.FixtureRequest, cache_aliases: None) -> TaggedCache:
    """The tagged cache on each backend in turn."""
    if request.param == "database":
        request.getfixturevalue("cache_table")
    return EachApart(request.param)

"""Caches of every kind, and a row to cache."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.cache import caches
from pytest_django import Settings

from deploy.local import Redis
from invalidation.caching import TaggedCache

ALIASES = ("redis", "django-redis", "locmem", "file")


def configured(server: Redis, folder: Path) -> dict[str, dict[str, object]]:
    """CACHES with one alias of each backend."""
    backends = "django.core.cache.backends"
    return {
        "default": {"BACKEND": f"{backends}.locmem.LocMemCache", "LOCATION": "caching-default"},
        "locmem": {"BACKEND": f"{backends}.locmem.LocMemCache", "LOCATION": "caching"},
        "file": {"BACKEND": f"{backends}.filebased.FileBasedCache", "LOCATION": str(folder)},
        "redis": {"BACKEND": f"{backends}.redis.RedisCache", "LOCATION": server.url(11)},
        "django-redis": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": server.url(12)},
    }


@pytest.fixture
def cache_aliases(settings: Settings, redis_server: Redis, tmp_path: Path) -> Iterator[None]:
    """Every backend, empty."""
    settings.CACHES = configured(redis_server, tmp_path)
    for alias in settings.CACHES:
        caches[alias].clear()
    yield
    for alias in settings.CACHES:
        caches[alias].clear()


@pytest.fixture(params=ALIASES)
def tagged(request: pytest.FixtureRequest, cache_aliases: None) -> TaggedCache:
    """The tagged cache on each backend in turn."""
    return TaggedCache(request.param)

"""Which caches are those of django-redis: it is imported by who names it in CACHES, and nobody else needs it."""

from __future__ import annotations

import sys
from typing import Any

from django.core.cache import BaseCache
from redis.exceptions import RedisClusterException, RedisError


def is_django_redis(cache: BaseCache) -> bool:
    """May it be asked for its client, for patterns and for counts?"""
    module = sys.modules.get("django_redis.cache")
    return module is not None and isinstance(cache, module.RedisCache)


def plain_client(cache: BaseCache) -> Any:
    """django-redis' client of one server and its replicas; None for its other clients, and for other caches."""
    client: Any = cache.client if is_django_redis(cache) else None  # type: ignore[attr-defined]
    module = sys.modules.get("django_redis.client")
    return client if module is not None and type(client) is module.DefaultClient else None


def away() -> tuple[type[Exception], ...]:
    """What a cache on Redis raises where the server is away; to be asked once it has raised."""
    module = sys.modules.get("django_redis.exceptions")
    own = (module.ConnectionInterrupted,) if module is not None else ()
    return (*own, RedisClusterException, RedisError, OSError)

"""The Redis that holds the sequence, the tag stamps and the tag index: one bounded client per process."""

from __future__ import annotations

from functools import cache

import redis
from django.core.signals import setting_changed
from redis.backoff import NoBackoff
from redis.retry import Retry

from invalidation import conf

#: Errors that mean "away": everything that redis-py raises for a server that doesn't answer or refuses.
UNAVAILABLE = (redis.RedisError, OSError)


@cache
def client() -> redis.Redis | None:
    """The client, or None where `REDIS_URL` is not set. One try per call: the caller decides what absence means."""
    settings = conf.settings()
    if not settings.redis_url:
        return None
    return redis.Redis.from_url(
        settings.redis_url,
        decode_responses=True,
        socket_timeout=settings.redis_timeout_seconds,
        socket_connect_timeout=settings.redis_timeout_seconds,
        retry=Retry(NoBackoff(), 0),
    )


def _forget(*, setting: str, **_: object) -> None:
    if setting == "INVALIDATION":
        client.cache_clear()


setting_changed.connect(_forget, dispatch_uid="invalidation.freshness")

"""The Redis that holds the sequence, the tag stamps and the tag index: bounded clients, one of each kind a process."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from invalidation import conf
from invalidation.conf.changes import when_changed

#: Errors that mean "away": everything that redis-py raises for a server that doesn't answer or refuses.
UNAVAILABLE = (redis.RedisError, OSError)
#: Bound on one call from a worker.
PATIENCE_SECONDS = 3.0
KEPT_SECONDS = 7 * 86_400

Answer = TypeVar("Answer")


@cache
def client() -> redis.Redis | None:
    """The client, or None where `REDIS_URL` is not set, and where a test is offline.

    One try per call: the caller decides what it means that Redis is away.
    """
    return _connected(decode_responses=True)


@cache
def patient_client() -> redis.Redis | None:
    """The same for workers, which would rather wait for a busy server than do without."""
    return _connected(decode_responses=True, timeout_seconds=PATIENCE_SECONDS)


@cache
def binary_client() -> redis.Redis | None:
    """The same server, answering in bytes: for libraries that decode by themselves."""
    return _connected(decode_responses=False)


@cache
def patient_binary_client() -> redis.Redis | None:
    """The same for who reads whatever is there, which need not be text."""
    return _connected(decode_responses=False, timeout_seconds=PATIENCE_SECONDS)


@cache
def second_client() -> redis.Redis | None:
    """The same for who asks once more: on other connections, and with more patience."""
    return _connected(decode_responses=True, timeout_seconds=conf.settings().freshness.redis_pause_seconds / 2)


def ask(question: Callable[[Any], Answer], otherwise: Answer) -> Answer:
    """What the server answers to a worker or a command; `otherwise` where none is configured, or it is away."""
    server = patient_client()
    try:
        return otherwise if server is None else question(server)
    except UNAVAILABLE:
        return otherwise


def keep(key: str, document: Any) -> bool:
    """Store what JSON can say, for a week, for whichever process asks for it; False where no Redis takes it."""
    text = json.dumps(document)
    return ask(lambda server: bool(server.set(key, text, ex=KEPT_SECONDS)), otherwise=False)


def kept(key: str) -> Any:
    """What was stored last; None where nothing was, or no Redis tells."""
    text: str | None = ask(lambda server: server.get(key), otherwise=None)
    return json.loads(text) if text else None


def _connected(*, decode_responses: bool, timeout_seconds: float | None = None) -> redis.Redis | None:
    settings = conf.settings()
    timeout_seconds = timeout_seconds or settings.freshness.redis_timeout_seconds
    if not settings.redis_url or settings.offline:
        return None
    return redis.Redis.from_url(
        settings.redis_url,
        decode_responses=decode_responses,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        retry=Retry(NoBackoff(), 0),
    )


_KINDS = (client, patient_client, second_client, binary_client, patient_binary_client)


@when_changed("INVALIDATION")
def _forget() -> None:
    for kind in _KINDS:
        if kind.cache_info().currsize and (server := kind()) is not None:
            server.close()
        kind.cache_clear()

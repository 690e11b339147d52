"""One circuit breaker per node, its state on Redis, so that every worker leaves a dead node alone together."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar, cast

import pybreaker
from pybreaker import (
    CircuitBreaker,
    CircuitBreakerError,
    CircuitBreakerListener,
    CircuitBreakerStorage,
    CircuitMemoryStorage,
    CircuitRedisStorage,
)

from invalidation import conf
from invalidation.conf.changes import when_changed
from invalidation.exceptions import Throttled, TransientError, Unproven, Unrecognised
from invalidation.freshness.clients import KEPT_SECONDS, UNAVAILABLE, binary_client, client
from invalidation.targets.values import CachePlace

Result = TypeVar("Result")

#: Waiters come back within this share of the reset time after its end, not all at once.
SPREAD = 0.2


class BreakerOpen(Throttled):
    """The node failed repeatedly and is left alone for a while."""


def guarded(tier: str, node: str, call: Callable[[], Result]) -> Result:
    """Run `call` under the node's breaker. Without Redis it runs anyway.

    Raises:
        BreakerOpen: the breaker is open; `call` was not run.
    """
    try:
        breaker = _breaker(tier, node) if troubled([CachePlace(tier, node)]) else None
    except UNAVAILABLE:
        return call()
    return _through(breaker, call) if breaker else noted(tier, node, call)


def noted(tier: str, node: str, call: Callable[[], Result]) -> Result:
    """Run `call`, for a node that was in no trouble: the first failure is told to its breaker."""
    try:
        return call()
    except TransientError as error:
        _note(tier, node, error)
        raise


def _through(breaker: CircuitBreaker, call: Callable[[], Result]) -> Result:
    try:
        return breaker.call(call)
    except CircuitBreakerError as error:
        wait_seconds = _left_seconds(breaker) + random.uniform(0, SPREAD * breaker.reset_timeout)  # noqa: S311
        sentence = f"Left alone: {breaker.fail_max} calls in a row failed. {_last_words(breaker)}".rstrip()
        raise BreakerOpen(sentence, retry_after_seconds=wait_seconds) from error


def _last_words(breaker: CircuitBreaker) -> str:
    """Why: who is put off would otherwise be told nothing."""
    [listener] = breaker.listeners
    words = listener.recalled() if isinstance(listener, _LastFailure) else None
    return f"The last: {words}" if words else ""


class _LastFailure(CircuitBreakerListener):
    """Keeps why the last call of a node failed."""

    def __init__(self, tier: str, node: str) -> None:
        self._key = f"{_name(tier, node)}:error"

    def failure(self, cb: CircuitBreaker, exc: BaseException) -> None:
        """Costs one round trip, of a call that failed."""
        server = client()
        if server is None:
            _own_failures[self._key] = str(exc)
            return
        with suppress(*UNAVAILABLE):
            server.set(self._key, str(exc), ex=KEPT_SECONDS)

    def recalled(self) -> str | None:
        """In its own words."""
        server = client()
        if server is None:
            return _own_failures.get(self._key)
        with suppress(*UNAVAILABLE):
            return cast("str | None", server.get(self._key))
        return None


#: Where no Redis is configured, each process learns by itself.
_own_failures: dict[str, str] = {}


def _note(tier: str, node: str, error: TransientError) -> None:
    """Tell the breaker afterwards: a healthy node costs one round trip, and only its first failure costs more."""

    def fail() -> None:
        raise error

    with suppress(TransientError, CircuitBreakerError, *UNAVAILABLE):
        _breaker(tier, node).call(fail)


def _left_seconds(breaker: CircuitBreaker) -> float:
    opened_at = breaker._state_storage.opened_at  # it tells it nowhere else
    if opened_at and opened_at.tzinfo is None:  # older releases of pybreaker mean UTC without saying so
        opened_at = opened_at.replace(tzinfo=UTC)
    since = (datetime.now(UTC) - opened_at).total_seconds() if opened_at else 0.0
    return max(0.0, breaker.reset_timeout - since)


def _is_failure(error: BaseException) -> bool:
    """Does it mean that the node is down? One that answers, however unhelpfully, is not."""
    return isinstance(error, TransientError) and not isinstance(error, Throttled | Unproven | Unrecognised)


def _breaker(tier: str, node: str) -> CircuitBreaker:
    """A breaker of its own for every attempt: pybreaker locks one while it calls, and its state is in the storage."""
    settings = conf.settings()
    return CircuitBreaker(
        fail_max=settings.retry.breaker_failures,
        reset_timeout=settings.retry.breaker_reset_seconds,
        exclude=[lambda error: not _is_failure(error)],
        state_storage=_storage(tier, node),
        listeners=[_LastFailure(tier, node)],
        throw_new_error_on_trip=False,
    )


def _storage(tier: str, node: str) -> CircuitBreakerStorage:
    server = binary_client()
    if server is None:
        return _memory_storage(tier, node)
    return CircuitRedisStorage(pybreaker.STATE_CLOSED, server, namespace=_name(tier, node))


@cache
def _memory_storage(tier: str, node: str) -> CircuitBreakerStorage:
    """Where no Redis is configured, each process learns by itself."""
    return CircuitMemoryStorage(pybreaker.STATE_CLOSED)


def _name(tier: str, node: str) -> str:
    return f"invalidation:breaker:{tier}:{node}"


def troubled(nodes: Sequence[CachePlace]) -> set[CachePlace]:
    """Those that have failed lately. One round trip for all of them; raises where Redis is away."""
    server = binary_client()
    if server is None:
        return set(nodes)
    names = [_key(tier, node, part) for tier, node in nodes for part in ("state", "fail_counter")]
    values = server.mget(names) if names else []
    return {place for place, *standing in zip(nodes, values[::2], values[1::2], strict=True) if _is_troubled(*standing)}


def _is_troubled(state: Any, failures: Any) -> bool:
    return (state or b"closed") != b"closed" or int(failures or 0) > 0


def _key(tier: str, node: str, part: str) -> str:
    return f"{_name(tier, node)}:{CircuitRedisStorage.BASE_NAMESPACE}:{part}"


def breakers() -> dict[str, str]:
    """`closed`, `open` or `half-open` for each node, named `tier` or `tier node`; `unknown` while Redis is away."""
    nodes = [CachePlace(tier.name, node) for tier in conf.settings().tiers.values() for node in tier.nodes]
    try:
        states = _states(nodes)
    except UNAVAILABLE:
        states = ["unknown"] * len(nodes)
    return {str(place): state for place, state in zip(nodes, states, strict=True)}


def _states(nodes: list[CachePlace]) -> list[str]:
    server = binary_client()
    if server is None:
        return [str(_memory_storage(tier, node).state) for tier, node in nodes]
    states = server.mget([_key(tier, node, "state") for tier, node in nodes]) if nodes else []
    return [str(state, "ascii") if isinstance(state, bytes) else pybreaker.STATE_CLOSED for state in states]


@when_changed("INVALIDATION")
def _forget() -> None:
    _memory_storage.cache_clear()
    _own_failures.clear()

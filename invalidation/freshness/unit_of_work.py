"""When the present unit of work began: what was invalidated since, it may have read before, and must not store.

A web request begins when Django says so, or where the outermost middleware reads the sequence; a task when Celery
hands it out; everything else with the process, or with the last `fresh_start()`. `django.setup()` imports this module,
because nothing is read before that.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from asgiref.sync import SyncToAsync, ThreadSensitiveContext
from django.core.signals import request_started

#: Two clocks that run at the same rate still drift apart by so much of the time between (ntpd slews by 500 ppm).
DRIFT = 0.001


@dataclass(frozen=True, slots=True)
class Beginning:
    """An instant, on the clocks of this process and, where it was asked for, in the sequence."""

    at: float = field(default_factory=time.monotonic)
    """Reading of the monotonic clock."""

    clock: float = field(default_factory=time.time)
    """Seconds since the epoch."""

    sequence: int | None = None
    """The newest number at that instant."""

    def age_seconds(self) -> float:
        """At least so long ago, whatever clock one asks."""
        return (time.monotonic() - self.at) * (1 + DRIFT)


_process = Beginning()
_begun: ContextVar[Beginning | None] = ContextVar("invalidation_beginning", default=None)
#: Under ASGI a receiver runs in a context of its own; what it shares with the request is asgiref's mark of it.
_requests: WeakKeyDictionary[ThreadSensitiveContext, Beginning] = WeakKeyDictionary()


def current() -> Beginning:
    """That of the present unit of work."""
    begun = _begun.get()
    if begun is not None:
        return begun
    mark = SyncToAsync.thread_sensitive_context.get(None)
    return _process if mark is None else _requests.get(mark, _process)


def begin(number: int | None = None) -> None:
    """A unit of work begins here; `number` is the newest of the sequence, where it is known."""
    _begun.set(Beginning(sequence=number))


@contextmanager
def fresh_start() -> Iterator[None]:
    """Says that nothing is used inside which was read before: a unit of work of its own.

    For commands, scripts and shells, whose beginning is that of their process; around each round of a loop.
    """
    token = _begun.set(Beginning(sequence=_newest()))
    try:
        yield
    finally:
        _begun.reset(token)


def _newest() -> int | None:
    from invalidation.freshness.sequence import newest  # the Redis client, which not every process needs

    return newest()


def _request_began(**_: Any) -> None:
    mark = SyncToAsync.thread_sensitive_context.get(None)
    if mark is None:
        begin()
    else:
        _requests[mark] = Beginning()


request_started.connect(_request_began, dispatch_uid="invalidation.beginning")

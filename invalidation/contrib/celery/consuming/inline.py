"""Inline: a task runs what its own delivery made ready, instead of sending its own worker a message about it.

A message costs worker and broker several times what a cache takes to purge: from tier to tier, most of the time
between a commit and fresh pages would be spent on messages.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from celery import current_app

from invalidation import conf
from invalidation.contrib.celery.queues import tier_queue
from invalidation.models import Delivery, DeliveryStatus

#: A task that has run for longer sends messages: what waits in the queues may be more urgent by now.
INLINE_SECONDS = 0.25


@dataclass(slots=True)
class InlineRun:
    """What one task has taken on."""

    database: str
    started: float = field(default_factory=time.monotonic)
    """Reading of the monotonic clock."""

    kept: Delivery | None = None

    def keep(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Take on the first that this worker may run; return the others. With one taken on already, return all.

        A task that comes back with more before it went on is a drain with more to do: nothing waits for that.
        """
        if self.kept:
            kept, self.kept = self.kept, None
            return [kept, *deliveries]
        if time.monotonic() - self.started < INLINE_SECONDS:
            self.kept = next(filter(_own, deliveries), None)
        return [delivery for delivery in deliveries if delivery is not self.kept]

    def next_delivery(self) -> Delivery | None:
        """What to run next; None where there is nothing."""
        kept, self.kept = self.kept, None
        return kept


def _own(delivery: Delivery) -> bool:
    """New work, whose message might come back to this very worker."""
    return delivery.status == DeliveryStatus.PENDING and tier_queue(delivery.tier) in _consumed()


_inline_run: ContextVar[InlineRun | None] = ContextVar("invalidation_inline_run", default=None)


@contextmanager
def inline_run(database: str) -> Iterator[InlineRun]:
    """Within, the running task takes on what it can."""
    token = _inline_run.set(current := InlineRun(database))
    try:
        yield current
    finally:
        _inline_run.reset(token)


def left(database: str, deliveries: list[Delivery], wait_seconds: float) -> list[Delivery]:
    """Those that need a message: all but the one that the running task takes on."""
    current = _inline_run.get()
    if current is None or current.database != database or wait_seconds:
        return deliveries
    return current.keep(deliveries)


def own_tiers() -> list[str]:
    """Tiers whose queues this worker consumes."""
    consumed = _consumed()
    return [tier for tier in conf.settings().tiers if tier_queue(tier) in consumed]


def _consumed() -> set[str]:
    """Names of this worker's queues: those of `-Q`, else all."""
    return set(current_app.amqp.queues.consume_from)

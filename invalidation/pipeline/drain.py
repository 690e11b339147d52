"""Draining the outbox: wait a little when events arrive fast, claim until nothing is pending, hand out."""

from __future__ import annotations

import time
from dataclasses import dataclass

import structlog
from django.db import OperationalError

from invalidation import conf
from invalidation.freshness import sequence
from invalidation.freshness.state import UNAVAILABLE, client
from invalidation.models import Batch
from invalidation.pipeline import advance
from invalidation.pipeline.claim import Contended, claim
from invalidation.values import Targets

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class Drained:
    """What one drain did; its repr is what Flower shows as the task's result."""

    batches: list[int]
    events: int = 0

    def __str__(self) -> str:
        return f"{self.events} events in {len(self.batches)} batches {self.batches[:20]}"


@dataclass(slots=True)
class Pace:
    """How fast events arrive, as this process sees it."""

    last_drained_at: float = float("-inf")
    """Reading of the monotonic clock when something was last found to drain."""


pace = Pace()


def linger_seconds(since_last_drain_seconds: float, linger: float) -> float:
    """Nothing after a quiet spell; `linger` while events arrive faster than that, so that they merge. Pure."""
    return linger if since_last_drain_seconds < 2 * linger else 0.0


def drain(database: str = "default", *, limit_batches: int = 1000) -> Drained:
    """Claim and hand out until the outbox of `database` is empty."""
    settings = conf.settings()
    time.sleep(linger_seconds(time.monotonic() - pace.last_drained_at, settings.linger_milliseconds / 1000))
    drained = Drained([])
    while len(drained.batches) < limit_batches and (batch := _claim(database, settings.claim_limit)):
        _stamp(database, batch)
        advance.hand_out(database, batch)
        drained.batches.append(batch.pk)
        drained.events += batch.event_count
        pace.last_drained_at = time.monotonic()
    return drained


def _claim(database: str, limit: int) -> Batch | None:
    """Claim, giving way to a drain that claims the same events at the same time."""
    for _ in range(10):
        try:
            return claim(database, limit)
        except Contended:
            continue
    raise OperationalError(f"Events in {database!r} are contended; the sweep will drain them.")


def _stamp(database: str, batch: Batch) -> None:
    """Give the batch its number and stamp its tags, before any copy is removed.

    Without Redis the clock serves: responses rendered meanwhile have a short life, and the rebound follows.
    """
    targets = Targets.from_document(batch.targets)
    tags = [*targets.tags, *([sequence.EVERYTHING] if targets.everything else [])]
    server = client()
    try:
        batch.sequence = sequence.advance(server, tags) if server else sequence.by_clock()
    except UNAVAILABLE as error:
        logger.warning("stamping_failed", batch=batch.pk, error=repr(error))
        batch.sequence = sequence.by_clock()
    Batch.objects.using(database).filter(pk=batch.pk).update(sequence=batch.sequence)

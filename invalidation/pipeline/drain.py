"""Draining the outbox: wait a little when events arrive fast, claim until nothing is pending, hand out."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import OperationalError, connections
from django.db.models import QuerySet

from invalidation import conf
from invalidation.models import Event, EventStatus
from invalidation.pipeline import advance, crowd
from invalidation.pipeline.claim import Claimed, Contended, claim
from invalidation.pipeline.stamp import open_batch
from invalidation.signals import event_recorded, tell
from invalidation.values import Lane

#: A drain ends after this long and announces what is left: well below every task time limit.
TURN_SECONDS = 20.0
#: Tries against other drains, and the longest pause between two; a claim takes a few milliseconds.
CLAIM_TRIES = 50
CLAIM_PAUSE_SECONDS = 0.02
#: Batches named in a result.
MAX_NAMED = 20


@dataclass(slots=True)
class Drained:
    """What one drain did; its text is what Flower shows as the task's result."""

    batches: list[int]
    events: int = 0

    def __str__(self) -> str:
        return f"{self.events} events in {len(self.batches)} batches {self.batches[:MAX_NAMED]}"


@dataclass(slots=True)
class Pace:
    """What this process remembers from one drain to the next."""

    last_drained_at: float = float("-inf")
    """Reading of the monotonic clock when something was last found to drain."""

    batches: int = 0
    """Claimed so far; decides whose turn it is."""


pace = Pace()


def linger_seconds(since_last_drain_seconds: float, linger: float) -> float:
    """Nothing after a quiet spell; `linger` while events arrive faster than that, so that they merge. Pure."""
    return linger if since_last_drain_seconds < 2 * linger else 0.0


def lanes(batches: int, lowest_every: int) -> Sequence[str]:
    """Whom to serve after so many batches: the foremost first, but every so often the lowest first. Pure."""
    lowest_turn = lowest_every > 0 and batches % lowest_every == lowest_every - 1
    return tuple(reversed(Lane.values)) if lowest_turn else tuple(Lane.values)


def drain(database: str = "default", *, limit_batches: int = 1000) -> Drained:
    """Claim and hand out until the outbox of `database` is empty, or the turn is over.

    While workers can't keep up only takedowns are claimed, until the other events are old enough for the sweep.
    """
    settings = conf.settings()
    started = time.monotonic()
    time.sleep(linger_seconds(started - pace.last_drained_at, settings.linger_milliseconds / 1000))
    drained = Drained([])
    claimed = _claim(database)
    while claimed:
        batch = claimed.batch
        open_batch(database, batch)
        advance.hand_out(database, batch, claimed.rows)
        drained.batches.append(batch.pk)
        drained.events += batch.event_count
        pace.last_drained_at = time.monotonic()
        if len(drained.batches) >= limit_batches or pace.last_drained_at - started > TURN_SECONDS:
            announce_rest(database)
            break
        claimed = _claim(database) if _pending(database).exists() else None  # a claim locks SQLite, a look doesn't
    return drained


def announce_rest(database: str, **old: object) -> bool:
    """Announce one pending event, if there is any, so that another drain goes on."""
    pending = _pending(database).filter(**old)
    for lane in Lane.values:
        if event := pending.filter(lane=lane).order_by("id").only("uid").first():
            tell(event_recorded, "announcement_failed", database=database, uids=[str(event.uid)], lane=lane)
            return True
    return False


def resume(database: str) -> bool:
    """After a delivery: announce the events that were left to merge, once the crowd that they were left for is gone."""
    return crowd.gauge.has_dissolved(database) and announce_rest(database)


def _pending(database: str) -> QuerySet[Event]:
    return Event.objects.using(database).filter(status=EventStatus.PENDING)


def _claim(database: str) -> Claimed | None:
    """Claim, giving way to a drain that claims the same events at the same time."""
    for _ in range(CLAIM_TRIES):
        try:
            claimed = claim(database, _lanes(database))
        except Contended:
            pass
        except OperationalError as error:
            if not _is_contention(database, error):
                raise
        else:
            pace.batches += claimed is not None
            return claimed
        time.sleep(random.uniform(0, CLAIM_PAUSE_SECONDS))  # noqa: S311
    raise OperationalError(f"Events in {database!r} are contended; the sweep will drain them.")


def _lanes(database: str) -> Sequence[str]:
    if crowd.holds(database):
        return (Lane.TAKEDOWN,)
    return lanes(pace.batches, conf.settings().lowest_lane_every)


def _is_contention(database: str, error: OperationalError) -> bool:
    """SQLite refuses a transaction that turns from reading to writing while another writes ("database is locked")."""
    return connections[database].vendor == "sqlite" and "locked" in str(error)

"""The pipeline as the person on call needs it: what is wrong and what to do, then everything else. Reads alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from invalidation import conf
from invalidation.freshness import complaints, degraded
from invalidation.freshness.clients import ask
from invalidation.models import Verification
from invalidation.rows import batches, deliveries, events, unfinished, verifications
from invalidation.rows.deliveries import Ended
from invalidation.status.overview import causes, curves
from invalidation.status.overview.causes import Cause
from invalidation.status.overview.curves import Curve
from invalidation.status.overview.nodes import Node, nodes

#: How far back pages that were found stale, or got a short life, are told of.
LATELY = timedelta(hours=1)
SHOWN_STALE = 10
#: Nobody who is woken needs to know whether it is more.
MOST_COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class LaneStanding:
    """What one lane has to do."""

    lane: str
    waiting: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True)
class Board:
    """Everything at one instant."""

    seen_at: datetime
    lanes: Sequence[LaneStanding] = ()
    running: int = 0
    dead: int = 0
    purged_a_minute: int = 0
    """Purges proved in the last minute, counted among the newest."""

    nodes: Sequence[Node] = ()
    causes: Sequence[Cause] = ()
    stale: Sequence[Verification] = ()
    """The newest pages that were older than their purge, of the last hour."""

    short_lived: Mapping[str, int] = field(default_factory=dict)
    """Pages that got a short life, by reason, counted from the beginning."""

    short_lived_lately: int = 0
    rules: Sequence[complaints.Complaint] = ()
    curves: Sequence[Curve] = ()
    sampled_at: datetime | None = None
    report: Mapping[str, Any] | None = None
    """The doctor's newest."""

    @property
    def oldest_seconds(self) -> float:
        """Age of the oldest work that is not finished."""
        return max((lane.oldest_seconds for lane in self.lanes), default=0.0)

    @property
    def waiting(self) -> int:
        """Events that nobody has claimed."""
        return sum(lane.waiting for lane in self.lanes)


def board(report: Mapping[str, Any] | None = None) -> Board:
    """Ask the databases and Redis, each with bounded questions; what Redis can't tell is left out.

    `report` is the doctor's newest.
    """
    now = timezone.now()
    found, rows = causes.troubles(), curves.minutes(now)
    grouped = causes.grouped(found)
    newest = [row for database in conf.settings().databases for row in deliveries.newest(database)]
    databases = conf.settings().databases
    counts: dict[str, int] = ask(degraded.counted, dict[str, int]())
    return Board(
        seen_at=now,
        lanes=_lanes(now),
        running=unfinished.count(map(batches.running, databases), MOST_COUNTED),
        dead=unfinished.count(map(deliveries.dead_letters, databases), MOST_COUNTED),
        purged_a_minute=_proved_since(newest, now - timedelta(minutes=1)),
        nodes=nodes(found, grouped, newest),
        causes=grouped,
        stale=[row for one in databases for row in verifications.stale_since(one, now - LATELY)[:SHOWN_STALE]],
        short_lived=counts,
        short_lived_lately=_lately(counts, curves.degraded_before(rows, now - LATELY)),
        rules=complaints.counted(),
        curves=curves.curves(rows, now),
        sampled_at=curves.sampled_at(rows),
        report=report,
    )


def _proved_since(newest: Sequence[Ended], instant: datetime) -> int:
    return sum(row.proved and row.completed_at is not None and row.completed_at > instant for row in newest)


def _lanes(now: datetime) -> list[LaneStanding]:
    pending = [events.pending(database) for database in conf.settings().databases]
    return [
        LaneStanding(lane.value, unfinished.count((rows.filter(lane=lane) for rows in pending), MOST_COUNTED), seconds)
        for lane, seconds in unfinished.oldest_seconds(now).items()
    ]


def _lately(counts: Mapping[str, int], before: int | None) -> int:
    return max(0, sum(counts.values()) - before) if counts and before is not None else 0

"""Back pressure: a deep lane widens its batches, and while workers can't keep up events are left to merge.

The first is the backlog policy: how deep a lane is, hence how wide its batches may go, and how many events each merges.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from django.utils import timezone

from invalidation import conf, lazy
from invalidation.models import Widening
from invalidation.rows import deliveries, events
from invalidation.targets.values import Lane

logger = lazy.Logger(__name__)

#: So many deliveries that nothing but a free worker is missing for, and that wait for longer than this, are congestion.
CONGESTED_DELIVERIES = 8
WAITED = timedelta(seconds=1)
#: Neither is counted more often in one process, because counting reads index entries of all that waits.
COUNT_SECONDS = 1.0
#: A lane that is to be emptied of a huge backlog merges this many times more events into one batch.
EVERYTHING_FACTOR = 10


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits in one lane, and what follows from that."""

    depth: int = 0
    widening: Widening = Widening.NONE

    @property
    def claim_limit(self) -> int:
        """Most events in its next batch."""
        factor = EVERYTHING_FACTOR if self.widening == Widening.EVERYTHING else 1
        return conf.settings().backlog.claim_limit * factor


def level(depth: int, depths: Mapping[Widening, int]) -> Widening:
    """The widest level whose depth is reached. Pure."""
    reached = [(limit, list(Widening).index(widening)) for widening, limit in depths.items() if depth >= limit]
    return list(Widening)[max(index for _, index in reached)] if reached else Widening.NONE


def depths() -> dict[Widening, int]:
    """The configured depths."""
    settings = conf.settings()
    return {
        Widening.PREFIXES: settings.backlog.prefixes_depth,
        Widening.EVERYTHING: settings.backlog.everything_depth,
    }


def count(database: str, lane: str) -> int:
    """Pending events of the lane; counts no further than the deepest level."""
    waiting = events.pending(database).filter(lane=lane).order_by("id")
    return waiting[: max(depths().values())].count()


@dataclass(slots=True)
class Backlogs:
    """The backlog of each lane as this process last counted it."""

    counted: dict[tuple[str, str], tuple[float, Backlog]] = field(default_factory=dict)
    """By database and lane, with the reading of the monotonic clock."""

    def known(self, database: str, lane: str) -> Backlog:
        """The backlog of a lane as it was last counted."""
        return self.counted.get((database, lane), (float("-inf"), Backlog()))[1]

    def read(self, database: str, lane: str, seen: int) -> Backlog:
        """As it is, for a claim that has `seen` so many events; a change of level is logged.

        A claim that got fewer than it asked for has seen all there are, but for those that other drains hold. Only a
        larger backlog is counted, again if the last count is too old.
        """
        counted_at, before = self.counted.get((database, lane), (float("-inf"), Backlog()))
        whole = seen < before.claim_limit
        if not whole and time.monotonic() - counted_at < COUNT_SECONDS:
            return before
        depth = seen if whole else count(database, lane)
        now = Backlog(depth, level(depth, depths()))
        self.counted[database, lane] = (float("-inf") if whole else time.monotonic(), now)
        if now.widening != before.widening:
            _report(database, lane, now)
        return now


backlogs = Backlogs()


def _report(database: str, lane: str, backlog: Backlog) -> None:
    if backlog.widening:
        logger.warning("backlog_widens", database=database, lane=lane, to=str(backlog.widening), events=backlog.depth)
    else:
        logger.info("backlog_normal", database=database, lane=lane, events=backlog.depth)


def levels() -> dict[str, str]:
    """For the overview: the level of each lane of which a database is deep enough to be widened."""
    found = {
        lane.value: max((level(count(alias, lane), depths()) for alias in conf.settings().databases), key=_rank)
        for lane in Lane
    }
    return {lane: str(widening) for lane, widening in found.items() if widening}


def _rank(widening: Widening) -> int:
    return list(Widening).index(widening)


@dataclass(slots=True)
class Congestion:
    """What this process last counted."""

    counted: dict[str, tuple[float, bool]] = field(default_factory=dict)
    """By database, with the reading of the monotonic clock."""

    def is_there(self, database: str) -> bool:
        """Is there any? Counts again if the last count is too old."""
        counted_at, known = self.counted.get(database, (float("-inf"), False))
        if time.monotonic() - counted_at < COUNT_SECONDS:
            return known
        self.counted[database] = time.monotonic(), _waiting(database) >= CONGESTED_DELIVERIES
        return self.counted[database][1]

    def has_cleared(self, database: str) -> bool:
        """Was there any at the last count, and is there none now? Once for each."""
        _, known = self.counted.get(database, (0.0, False))
        return known and not self.is_there(database)


congestion = Congestion()


def holds(database: str) -> bool:
    """Should events wait for others to merge with? Never for longer than until the sweep would announce them again.

    A small batch costs the workers nearly as much as a large one: without this, events that arrive faster than
    deliveries are made become ever more small batches, which nothing merges any more.
    """
    if not congestion.is_there(database):
        return False
    old_at = timezone.now() - timedelta(seconds=conf.settings().workers.sweep_after_seconds)
    return not events.pending(database).filter(created_at__lt=old_at).exists()


def innermost() -> frozenset[str]:
    """Tiers that wait for no other."""
    return frozenset(tier.name for tier in conf.settings().tiers.values() if not tier.fills_from)


def _waiting(database: str) -> int:
    """Deliveries of the innermost tiers, which wait for no other; a node that fails has been attempted, and is none."""
    return deliveries.waiting_since(database, innermost(), timezone.now() - WAITED)[:CONGESTED_DELIVERIES].count()

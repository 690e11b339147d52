"""The backlog policy: how deep a lane is, hence how far its batches may be widened."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from invalidation import conf, late
from invalidation.models import Event, EventStatus, Widening
from invalidation.values import Lane

logger = late.Logger(__name__)

#: A depth is counted at most this often, because counting reads index entries of every pending event.
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
        return conf.settings().claim_limit * factor


def level(depth: int, depths: Mapping[Widening, int]) -> Widening:
    """The widest level whose depth is reached. Pure."""
    reached = [(limit, list(Widening).index(widening)) for widening, limit in depths.items() if depth >= limit]
    return list(Widening)[max(index for _, index in reached)] if reached else Widening.NONE


def depths() -> dict[Widening, int]:
    """The configured depths."""
    settings = conf.settings()
    return {
        Widening.TAGS: settings.backlog_tags_depth,
        Widening.PREFIXES: settings.backlog_prefixes_depth,
        Widening.EVERYTHING: settings.backlog_everything_depth,
    }


def count(database: str, lane: str) -> int:
    """Pending events of the lane; counts no further than the deepest level."""
    waiting = Event.objects.using(database).filter(status=EventStatus.PENDING, lane=lane).order_by("id")
    return waiting[: max(depths().values())].count()


@dataclass(slots=True)
class Gauge:
    """The backlog of each lane as this process last counted it."""

    counted: dict[tuple[str, str], tuple[float, Backlog]] = field(default_factory=dict)
    """By database and lane, with the reading of the monotonic clock."""

    def known(self, database: str, lane: str) -> Backlog:
        """As it was last counted."""
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


gauge = Gauge()


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

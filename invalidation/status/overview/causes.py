"""What stands in the way of purges: open deliveries and dead letters, grouped by node and by cause."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple

from django.db.models import QuerySet

from invalidation import conf
from invalidation.models import Delivery
from invalidation.rows import deliveries
from invalidation.rows.states import DEAD_LETTERS
from invalidation.status.words import Diagnosis, diagnose, place
from invalidation.targets.values import CachePlace

#: Most rows that are read of each tier's dead letters, and of what is open; more are "at least".
MOST = 500


class Trouble(NamedTuple):
    """A delivery that is open, or a dead letter."""

    tier: str
    node: str
    status: str
    error: str
    since: datetime | None
    """End of its first attempt."""

    tried_at: datetime | None
    """Beginning of its newest attempt."""

    @property
    def place(self) -> CachePlace:
        """Where it is made."""
        return CachePlace(self.tier, self.node)

    @property
    def dead(self) -> bool:
        """Does it wait for a person?"""
        return self.status in DEAD_LETTERS


COLUMNS = ("tier", "node", "status", "error", "attempted_at", "started_at")


@dataclass(slots=True)
class Cause:
    """One reason for which purges of one node fail."""

    place: CachePlace
    diagnosis: Diagnosis
    dead: int = 0
    waiting: int = 0
    since: datetime | None = None
    """When the oldest of them failed for the first time."""

    tried_at: datetime | None = None
    statuses: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        """`varnish 127.0.0.1:41002 refused the connection`."""
        return f"{place(*self.place)} {self.diagnosis.words}"

    @property
    def number(self) -> int:
        """Purges that it concerns."""
        return self.dead + self.waiting

    def add(self, trouble: Trouble) -> None:
        """Count one more."""
        self.dead += trouble.dead
        self.waiting += not trouble.dead
        self.statuses.add(trouble.status)
        self.since = min(filter(None, (self.since, trouble.since)), default=None)
        self.tried_at = max(filter(None, (self.tried_at, trouble.tried_at)), default=None)


def troubles() -> list[Trouble]:
    """What is open and what is dead, in every database; one bounded statement for each tier, and two besides."""
    return [Trouble(*row) for rows in _asked() for row in rows.values_list(*COLUMNS)]


def _asked() -> Iterator[QuerySet[Delivery]]:
    tiers = list(conf.settings().tiers)
    for database in conf.settings().databases:
        dead = deliveries.dead_letters(database)
        yield deliveries.unfinished(database).order_by("available_at")[: 2 * MOST]
        yield dead.exclude(tier__in=tiers)[:MOST]
        yield from (dead.filter(tier=tier)[:MOST] for tier in tiers)


def grouped(found: Iterable[Trouble]) -> list[Cause]:
    """Of what has failed at least once, the cause with most purges first. Pure."""
    causes: dict[tuple[CachePlace, Diagnosis], Cause] = {}
    for trouble in found:
        if trouble.error:
            diagnosis = diagnose(trouble.error)
            causes.setdefault((trouble.place, diagnosis), Cause(trouble.place, diagnosis)).add(trouble)
    return sorted(causes.values(), key=attrgetter("number"), reverse=True)

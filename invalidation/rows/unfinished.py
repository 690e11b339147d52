"""What is not finished, lane by lane: how much waits, and since when. Each figure is one statement, and bounded."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce

from invalidation import conf
from invalidation.rows import batches, events
from invalidation.targets.values import Lane

#: No count reads more rows than this, so that a page stays cheap over millions of rows.
COUNT_LIMIT = 100_000


def count(querysets: Iterable[QuerySet[Any]], most: int = 0) -> int:
    """Rows of all of these together, but no more than `most` or COUNT_LIMIT, and without reading more of each."""
    limit = most or COUNT_LIMIT
    return min(limit, sum(rows.order_by()[:limit].count() for rows in querysets))


def oldest_seconds(now: datetime, databases: Collection[str] = ()) -> dict[Lane, float]:
    """Age of the oldest event of each lane whose purge is not over, claimed or not; 0 where there is none.

    In these databases, or in all that have an outbox. Lane by lane, because that is how the index of the claim is
    sorted.
    """
    asked = databases or conf.settings().databases
    return {lane: _age_seconds(_recorded_at(asked, lane), now) for lane in Lane}


def _recorded_at(databases: Iterable[str], lane: Lane) -> Iterable[datetime]:
    """The first of each table; a rebound has no event, and counts from its making."""
    for database in databases:
        waiting = events.pending(database).annotate(since=F("created_at"))
        running = batches.running(database).annotate(since=Coalesce("recorded_at", "created_at"))
        for rows in (waiting, running):
            yield from rows.filter(lane=lane).order_by("id").values_list("since", flat=True)[:1]


def _age_seconds(instants: Iterable[datetime], now: datetime) -> float:
    return max(((now - instant).total_seconds() for instant in instants), default=0.0)

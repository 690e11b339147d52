"""Retention: finished history is deleted, unfinished work never."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from invalidation import conf
from invalidation.models import BatchStatus, Event
from invalidation.rows import batches, events, samples
from invalidation.signals import pruning, tell

#: Rows per DELETE, so that no statement holds locks for long.
CHUNK = 5000
#: Charts show a day.
SAMPLES_KEPT = timedelta(days=2)


def prune(older_than_days: float | None = None) -> dict[str, int]:
    """Delete finished events, and batches with their deliveries, completed longer ago than the retention.

    Dead letters are kept: they wait for a person. So are batches whose second purge is still owed, and their events.
    """
    tell(pruning, "pruning_failed")
    settings = conf.settings()
    days = settings.workers.retention_days if older_than_days is None else older_than_days
    before = timezone.now() - timedelta(days=days)
    removed = {"events": 0, "batches": 0}
    for database in settings.databases:
        done = {"completed_at__lt": before}
        removed["events"] += _delete(_events(database, **done), events.remove)
        _delete(samples.on(database).filter(minute_at__lt=timezone.now() - SAMPLES_KEPT), samples.remove)
        removed["batches"] += _delete(batches.over(database).filter(status=BatchStatus.DONE, **done), batches.remove)
    return removed


def _events(database: str, **done: Any) -> QuerySet[Event]:
    """Without a batch of its own an event has nothing more to come."""
    return events.done(database).filter(Q(batch=None) | Q(batch__in=batches.over(database)), **done)


def _delete(rows: QuerySet[Any], remove: Callable[[str, Collection[int]], None]) -> int:
    total = 0
    while pks := list(rows.values_list("pk", flat=True)[:CHUNK]):
        remove(rows.db, pks)
        total += len(pks)
    return total

"""Retention: finished history is deleted, unfinished work never."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from invalidation import conf
from invalidation.models import Batch, BatchStatus, Event, EventStatus
from invalidation.pipeline.rebound_schedule import OVER

#: Rows per DELETE, so that no statement holds locks for long.
CHUNK = 5000


def prune(older_than_days: float | None = None) -> dict[str, int]:
    """Delete finished events, and batches with their deliveries, completed longer ago than the retention.

    Dead letters are kept: they wait for a person. So are batches whose second purge is still owed, and their events.
    """
    settings = conf.settings()
    days = settings.retention_days if older_than_days is None else older_than_days
    before = timezone.now() - timedelta(days=days)
    removed = {"events": 0, "batches": 0}
    for database in settings.databases:
        done = {"completed_at__lt": before}
        removed["events"] += _delete(_events(database, **done))
        removed["batches"] += _delete(Batch.objects.using(database).filter(OVER, status=BatchStatus.DONE, **done))
    return removed


def _events(database: str, **done: Any) -> QuerySet[Event]:
    """Without a batch of its own an event has nothing more to come."""
    over = Batch.objects.using(database).filter(OVER)
    return Event.objects.using(database).filter(Q(batch=None) | Q(batch__in=over), status=EventStatus.DONE, **done)


def _delete(rows: QuerySet[Any]) -> int:
    total = 0
    while pks := list(rows.values_list("pk", flat=True)[:CHUNK]):
        rows.model._default_manager.using(rows.db).filter(pk__in=pks).delete()
        total += len(pks)
    return total

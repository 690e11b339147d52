"""Retention: finished history is deleted, unfinished work never."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from invalidation import conf
from invalidation.models import Batch, BatchStatus, Event, EventStatus

#: Rows per DELETE, so that no statement holds locks for long.
CHUNK = 5000


def prune(older_than_days: float | None = None) -> dict[str, int]:
    """Delete finished events, and batches with their deliveries, completed longer ago than the retention.

    Dead letters are kept: they wait for a person.
    """
    settings = conf.settings()
    days = settings.retention_days if older_than_days is None else older_than_days
    before = timezone.now() - timedelta(days=days)
    removed = {"events": 0, "batches": 0}
    for database in settings.databases:
        done = {"completed_at__lt": before}
        removed["events"] += _delete(Event.objects.using(database).filter(status=EventStatus.DONE, **done))
        removed["batches"] += _delete(Batch.objects.using(database).filter(status=BatchStatus.DONE, **done))
    return removed


def _delete(rows: QuerySet[Any]) -> int:
    total = 0
    while pks := list(rows.values_list("pk", flat=True)[:CHUNK]):
        rows.model._default_manager.using(rows.db).filter(pk__in=pks).delete()
        total += len(pks)
    return total

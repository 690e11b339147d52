"""Writes how whole batches ended, with their deliveries and events, in one transaction of few statements."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from django.db import connections, models, transaction
from django.utils import timezone

from invalidation.models import Batch, BatchStatus, Delivery, DeliveryStatus, Event, EventStatus
from invalidation.pipeline import completion, rebound_schedule

#: Columns that an attempt changes.
DELIVERY_COLUMNS = (
    *("status", "attempts", "leases", "started_at", "attempted_at", "available_at", "completed_at", "steps"),
    *("decisions", "calls", "removed", "milliseconds", "external_id", "reply", "error"),
)
BATCH_COLUMNS = ("status", "sequence", "completed_at", "rebound_at", "rebounded_at")


class Overtaken(Exception):
    """Somebody else took a delivery meanwhile; what this process knows of its batch counts for nothing."""


def settle(database: str, carried: Sequence[tuple[Batch, Sequence[Delivery], Sequence[Delivery]]]) -> None:
    """Write batches with those of their rows that changed, and with all of them, which tell whether the batch is over.

    Raises:
        Overtaken: nothing was written.
    """
    now = timezone.now()
    for batch, _, rows in carried:
        _conclude(batch, rows, now)
    with transaction.atomic(using=database):
        _write(database, Delivery, DELIVERY_COLUMNS, [row for _, changed, _ in carried for row in changed])
        _write(database, Batch, BATCH_COLUMNS, [batch for batch, _, _ in carried])
        _end_events(database, [batch for batch, _, _ in carried if batch.event_count])


def _conclude(batch: Batch, rows: Sequence[Delivery], now: Any) -> None:
    batch.status = completion.status(rows)
    if batch.status == BatchStatus.RUNNING:
        return
    batch.completed_at = now
    if batch.rebound_at:
        for name, value in rebound_schedule.of_settled(now, (row.tier for row in rows)).items():
            setattr(batch, name, value)


#: What must still be true of a row.
UNTOUCHED: dict[type[models.Model], str] = {
    Delivery: f"leases = 0 AND status = '{DeliveryStatus.PENDING}'",
    Batch: f"status = '{BatchStatus.RUNNING}'",
}


def _write(database: str, model: type[models.Model], columns: Sequence[str], rows: Sequence[models.Model]) -> None:
    """One statement, executed for each row; drivers send them together."""
    if not rows:
        return
    connection = connections[database]
    fields = _fields(model, columns)
    values = [
        [*(field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields), row.pk] for row in rows
    ]
    with connection.cursor() as cursor:
        cursor.executemany(_statement(database, model, tuple(columns)), values)
        if cursor.rowcount != len(rows):
            raise Overtaken


def _fields(model: type[models.Model], names: Sequence[str]) -> list[models.Field[Any, Any]]:
    by_name = {field.name: field for field in model._meta.concrete_fields}
    return [by_name[name] for name in names]


@cache
def _statement(database: str, model: type[models.Model], columns: Sequence[str]) -> str:
    quote = connections[database].ops.quote_name
    written = ", ".join(f"{quote(field.column or '')} = %s" for field in _fields(model, columns))
    return f"UPDATE {quote(model._meta.db_table)} SET {written} WHERE id = %s AND {UNTOUCHED[model]}"  # noqa: S608


def _end_events(database: str, batches: Sequence[Batch]) -> None:
    for status, ended in ((BatchStatus.DONE, EventStatus.DONE), (BatchStatus.DEAD, EventStatus.DEAD)):
        if over := [batch for batch in batches if batch.status == status]:
            rows = Event.objects.using(database).filter(batch_id__in=[batch.pk for batch in over])
            rows.update(status=ended, completed_at=over[0].completed_at)

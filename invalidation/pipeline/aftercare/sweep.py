"""The sweep: events and deliveries whose announcement was lost, whose worker died, or whose time has come."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import DateTimeField, Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from invalidation import conf
from invalidation.models import Batch, BatchStatus, Delivery, DeliveryStatus
from invalidation.pipeline import dispatch
from invalidation.pipeline.delivery.stamp import open_batch
from invalidation.pipeline.intake.drain import announce_rest
from invalidation.pipeline.transitions import FINAL, WAITING
from invalidation.signals import deliveries_ready, tell

#: Deliveries and batches looked after per sweep, so that it takes about a second; the rest is found by the next one.
LIMIT = 200
#: An announcement of the sweep gets this many times the usual time to arrive, and each further one as long as the
#: delivery has waited by then: a queue that is served slowly would otherwise grow by the sweep's own announcements.
PATIENCE = 3
LONGEST_PATIENCE = timedelta(minutes=5)


def sweep(database: str) -> dict[str, int]:
    """Announce again what stands still; returns how much of each kind."""
    now = timezone.now()
    idle_at = now - timedelta(seconds=conf.settings().sweep_after_seconds)
    return {
        "events": int(announce_rest(database, created_at__lt=idle_at)),
        "deliveries": _due_deliveries(database, now),
        "batches": _idle_batches(database, now, idle_at) + _unsettled_batches(database, idle_at),
    }


def _due_deliveries(database: str, now: datetime) -> int:
    """Waits that have ended, and leases of workers that have died."""
    expired_at = now - timedelta(seconds=conf.settings().lease_seconds)
    ended = Q(status__in=WAITING, available_at__lte=now)
    expired = Q(status=DeliveryStatus.RUNNING, available_at__lte=now, started_at__lt=expired_at)
    rows = _looked_after(_unattended(database, now).filter(ended | expired), now)
    if rows:
        tell(deliveries_ready, "hand_out_failed", database=database, deliveries=rows, wait_seconds=0.0)
    return len(rows)


def _idle_batches(database: str, now: datetime, idle_at: datetime) -> int:
    """Batches with deliveries that nobody took: the announcement was lost, or the worker died before it."""
    idle = _unattended(database, now).filter(status=DeliveryStatus.PENDING, available_at__lt=idle_at)
    batches = {row.batch_id: row.batch for row in _looked_after(idle, now)}
    for batch in batches.values():
        _hand_out(database, batch)
    return len(batches)


def _unattended(database: str, now: datetime) -> QuerySet[Delivery]:
    """The rows that no sweep has announced so lately that the announcement may still be on its way."""
    patience = timedelta(seconds=PATIENCE * conf.settings().sweep_after_seconds)
    due_at = Greatest("available_at", Coalesce("started_at", "available_at"))
    rows = Delivery.objects.using(database).alias(
        waited=F("swept_at") - due_at, since=Value(now, output_field=DateTimeField()) - F("swept_at")
    )
    patient = Q(since__gt=patience) & (Q(since__gte=F("waited")) | Q(since__gt=LONGEST_PATIENCE))
    return rows.filter(Q(swept_at=None) | patient)


def _looked_after(rows: QuerySet[Delivery], now: datetime) -> list[Delivery]:
    """The first of these rows, marked so that the next sweep turns to others."""
    found = list(rows.select_related("batch").order_by("available_at")[:LIMIT])
    Delivery.objects.using(rows.db).filter(pk__in=[row.pk for row in found]).update(swept_at=now)
    return found


def _unsettled_batches(database: str, idle_at: datetime) -> int:
    """Running batches without an open delivery: a worker died just before it settled the batch."""
    still_open = Delivery.objects.filter(batch=OuterRef("pk")).exclude(status__in=FINAL)
    idle = Batch.objects.using(database).filter(~Exists(still_open), status=BatchStatus.RUNNING, created_at__lt=idle_at)
    batches = list(idle.order_by("id")[:LIMIT])
    for batch in batches:
        _hand_out(database, batch)
    return len(batches)


def _hand_out(database: str, batch: Batch) -> None:
    """A batch whose drain died before it was stamped is stamped first."""
    if batch.sequence is None:
        open_batch(database, batch)
    dispatch.hand_out(database, batch)

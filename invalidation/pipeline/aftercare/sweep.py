"""The sweep: events and deliveries whose announcement was lost, whose worker died, or whose time has come."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from invalidation import conf
from invalidation.models import Batch, Delivery, DeliveryStatus
from invalidation.pipeline import dispatch
from invalidation.pipeline.delivery.stamp import open_batch
from invalidation.pipeline.intake.drain import announce_rest
from invalidation.rows import batches, deliveries
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
    idle_at = now - timedelta(seconds=conf.settings().workers.sweep_after_seconds)
    return {
        "events": int(announce_rest(database, created_at__lt=idle_at)),
        "deliveries": _due_deliveries(database, now),
        "batches": _idle_batches(database, now, idle_at) + _unsettled_batches(database, idle_at),
    }


def _due_deliveries(database: str, now: datetime) -> int:
    """Waits that have ended, and leases of workers that have died."""
    expired_at = now - timedelta(seconds=conf.settings().retry.lease_seconds)
    rows = _looked_after(_unattended(database, now).filter(deliveries.is_due(now, expired_at)), now)
    if rows:
        tell(deliveries_ready, "hand_out_failed", database=database, deliveries=rows, wait_seconds=0.0)
    return len(rows)


def _idle_batches(database: str, now: datetime, idle_at: datetime) -> int:
    """Batches with deliveries that nobody took: the announcement was lost, or the worker died before it."""
    idle = _unattended(database, now).filter(status=DeliveryStatus.PENDING, available_at__lt=idle_at)
    concerned = {row.batch_id: row.batch for row in _looked_after(idle, now)}
    for batch in concerned.values():
        _hand_out(database, batch)
    return len(concerned)


def _unattended(database: str, now: datetime) -> QuerySet[Delivery]:
    patience = timedelta(seconds=PATIENCE * conf.settings().workers.sweep_after_seconds)
    return deliveries.unattended(database, now, patience=patience, longest=LONGEST_PATIENCE)


def _looked_after(rows: QuerySet[Delivery], now: datetime) -> list[Delivery]:
    """The first of these rows, marked so that the next sweep turns to others."""
    due = list(rows.select_related("batch").order_by("available_at")[:LIMIT])
    deliveries.sweep(rows.db, due, now)
    return due


def _unsettled_batches(database: str, idle_at: datetime) -> int:
    idle = list(batches.idle(database, idle_at)[:LIMIT])
    for batch in idle:
        _hand_out(database, batch)
    return len(idle)


def _hand_out(database: str, batch: Batch) -> None:
    """A batch whose drain died before it was stamped is stamped first."""
    if batch.sequence is None:
        open_batch(database, batch)
    dispatch.hand_out(database, batch)

"""The sweep: events and deliveries whose announcement was lost, whose worker died, or whose time has come."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from invalidation import conf
from invalidation.models import Batch, BatchStatus, Delivery, DeliveryStatus, Event, EventStatus
from invalidation.pipeline import advance
from invalidation.signals import deliveries_ready, event_recorded, tell

#: Deliveries announced per sweep; the rest is found by the next one.
LIMIT = 1000


def sweep(database: str) -> dict[str, int]:
    """Announce again what stands still; returns how much of each kind."""
    idle_at = timezone.now() - timedelta(seconds=conf.settings().sweep_after_seconds)
    return {
        "events": _pending_events(database, idle_at),
        "deliveries": _due_deliveries(database),
        "batches": _idle_batches(database, idle_at),
    }


def _pending_events(database: str, idle_at: object) -> int:
    forgotten = Event.objects.using(database).filter(status=EventStatus.PENDING, created_at__lt=idle_at)
    event = forgotten.order_by("lane", "id").only("uid", "lane").first()
    if event is None:
        return 0
    tell(event_recorded, "announcement_failed", database=database, uids=[str(event.uid)], lane=event.lane)
    return 1


def _due_deliveries(database: str) -> int:
    """Waits that have ended, and leases of workers that have died."""
    now = timezone.now()
    expired_at = now - timedelta(seconds=conf.settings().lease_seconds)
    waiting = [DeliveryStatus.FAILED, DeliveryStatus.DEFERRED, DeliveryStatus.ACCEPTED]
    due = Q(status__in=waiting, available_at__lte=now) | Q(status=DeliveryStatus.RUNNING, started_at__lt=expired_at)
    rows = list(Delivery.objects.using(database).filter(due).select_related("batch").order_by("available_at")[:LIMIT])
    if rows:
        tell(deliveries_ready, "hand_out_failed", database=database, deliveries=rows, wait_seconds=0.0)
    return len(rows)


def _idle_batches(database: str, idle_at: object) -> int:
    """Batches that wait for nobody: a worker died between settling a delivery and handing out the next."""
    pending = Delivery.objects.using(database).filter(status=DeliveryStatus.PENDING, available_at__lt=idle_at)
    stuck = Q(pk__in=pending.values("batch_id")) | ~Q(
        deliveries__status__in=["pending", "running", "accepted", "deferred", "failed"]
    )
    idle = Batch.objects.using(database).filter(stuck, status=BatchStatus.RUNNING, created_at__lt=idle_at)
    batches = list(idle.order_by("id")[:LIMIT])
    for batch in batches:
        advance.hand_out(database, batch)
    return len(batches)

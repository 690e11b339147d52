"""Attempts: what is stored of those that did not succeed at the first go, and what is asked of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from django.db.models import F, QuerySet

from invalidation.models import Attempt, Delivery, DeliveryStatus
from invalidation.rows import deliveries

#: Rows of one delivery; the oldest go. What ends alike shares one, so that a day of waiting is a few.
MOST = 50


def insert(database: str, rows: Iterable[Delivery], now: datetime) -> None:
    """Store how these deliveries have ended, or their attempts, now or when the row says."""
    Attempt.objects.using(database).bulk_create([_attempt(row, row.completed_at or now) for row in rows])


def note(database: str, row: Delivery, ended_at: datetime) -> None:
    """Store the end of an attempt; one that ended like the one before it is counted there."""
    last = of(database, row).last()
    if last is not None and (last.status, last.error, last.actor) == (row.status, row.error, ""):
        again = on(database).filter(pk=last.pk)
        again.update(times=F("times") + 1, ended_at=ended_at, milliseconds=row.milliseconds)
        return
    insert(database, [row], ended_at)
    if row.leases > MOST:
        _trim(database, row)


def replayed(database: str, keys: Collection[int], *, actor: str, now: datetime) -> None:
    """Store that these deliveries are returned to pending, and by whom: after how they ended, where no row says it."""
    known = set(on(database).filter(delivery_id__in=keys).values_list("delivery_id", flat=True))
    untold = deliveries.on(database).filter(pk__in=set(keys) - known)
    insert(database, untold, now)
    told = {"status": DeliveryStatus.PENDING, "ended_at": now, "actor": actor[:150] or "nobody named"}
    Attempt.objects.using(database).bulk_create([Attempt(delivery_id=key, **told) for key in keys])


def _attempt(row: Delivery, ended_at: datetime) -> Attempt:
    same = {name: getattr(row, name) for name in ("status", "started_at", "milliseconds", "error")}
    return Attempt(delivery_id=row.pk, ended_at=ended_at, **same)


def _trim(database: str, row: Delivery) -> None:
    old = list(of(database, row).order_by("-id").values_list("pk", flat=True)[MOST:])
    on(database).filter(pk__in=old).delete()


def on(database: str) -> QuerySet[Attempt]:
    """All of a database."""
    return Attempt.objects.using(database)


def of(database: str, row: Delivery) -> QuerySet[Attempt]:
    """Those of one delivery, in their order."""
    return on(database).filter(delivery_id=row.pk).order_by("id")


def of_batches(database: str, keys: Collection[int]) -> QuerySet[Attempt]:
    """Those of the deliveries of these batches, the newest first."""
    return on(database).filter(delivery__batch_id__in=keys).select_related("delivery").order_by("-id")

"""Deliveries: what is stored of them, what becomes of them, and what is asked of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import DateTimeField, F, Q, QuerySet, Value
from django.db.models.functions import Coalesce, Greatest

from invalidation.models import Batch, Delivery, DeliveryStatus, Pass
from invalidation.rows import statements
from invalidation.rows.states import DEAD_LETTERS, DELIVERY, WAITING, Action
from invalidation.targets.values import CachePlace

#: Columns that an attempt changes.
ENDED = (
    *("status", "attempts", "leases", "started_at", "attempted_at", "available_at", "completed_at", "steps"),
    *("decisions", "calls", "removed", "milliseconds", "external_id", "reply", "error"),
)
#: As the index of what is due lists them.
OPEN = ("pending", "running", "accepted", "deferred", "failed")
#: Columns that tell which calls are done.
PROGRESS = ("steps", "decisions", "calls", "removed", "external_id")
#: What tells whose turn it is, and whether a purge came too early.
ORDER = (
    *("batch_id", "tier", "node", "delivery_pass", "status"),
    *("attempted_at", "started_at", "completed_at", "milliseconds"),
)
#: So many of the newest tell how each node does.
NEWEST = 1000
UNTOUCHED = f"leases = 0 AND status = '{DeliveryStatus.PENDING}'"
#: A replayed delivery starts over: planned anew, with all its attempts before it.
FRESH: dict[str, Any] = {
    "attempts": 0,
    "calls": 0,
    "steps": None,
    "external_id": "",
    "attempted_at": None,
    "completed_at": None,
    "swept_at": None,
}


def insert(database: str, values: Sequence[Sequence[Any]]) -> list[int]:
    """Store these; returns their keys, as far as the database tells them."""
    return statements.insert(database, Delivery, values)


def repeat(batch: Batch, places: Iterable[CachePlace]) -> list[Delivery]:
    """Store one more for each tier and node."""
    repeats = [Delivery(batch=batch, tier=place.tier, node=place.node, delivery_pass=Pass.REPEAT) for place in places]
    return Delivery.objects.using(batch._state.db).bulk_create(repeats)


def bury(database: str, batch: Batch, *, tier: str, error: str, now: datetime) -> None:
    """Store a dead letter that says why an event can't be read."""
    status = DELIVERY.target(Action.REJECT)
    values = {"attempts": 1, "attempted_at": now, "completed_at": now, "error": error}
    on(database).create(batch=batch, tier=tier, status=status, **values)


def lease(delivery: Delivery, now: datetime) -> bool:
    """Take it as it was read; of several takers one succeeds."""
    if delivery.status not in DELIVERY.sources(Action.LEASE):
        return False
    seen = _row(delivery).filter(status=delivery.status, leases=delivery.leases)
    return bool(seen.update(**leased(delivery, now)))


def leased(delivery: Delivery, now: datetime) -> dict[str, Any]:
    """Tell `delivery` that it is taken from now on; returns the columns that say so."""
    values = {
        "status": DELIVERY.target(Action.LEASE),
        "started_at": now,
        "attempts": delivery.attempts + 1,
        "leases": delivery.leases + 1,
    }
    tell(delivery, values)
    return values


def keep_progress(delivery: Delivery) -> bool:
    """Store which calls are done, unless somebody else has it by now."""
    return bool(_held(delivery).update(**{name: getattr(delivery, name) for name in PROGRESS}))


def end(delivery: Delivery, values: dict[str, Any]) -> bool:
    """Store the end of an attempt, unless somebody else has it by now."""
    if ended := _held(delivery).update(**values):
        tell(delivery, values)
    return bool(ended)


def end_first_pass(database: str, rows: Sequence[Delivery]) -> bool:
    """Store the ends of attempts that no lease was taken for; False where somebody has taken one of them."""
    return statements.write(database, rows, ENDED, UNTOUCHED)


def tell(delivery: Delivery, values: dict[str, Any]) -> Delivery:
    """The delivery as its row is, or will be."""
    for name, value in values.items():
        setattr(delivery, name, value)
    return delivery


def pass_by(database: str, key: int, now: datetime) -> bool:
    """Let what lies further out go on without it, unless it was attempted."""
    rows = on(database).filter(pk=key, attempted_at=None, status=DeliveryStatus.PENDING)
    return bool(rows.update(attempted_at=now))


def note_decisions(database: str, batch: Batch, tiers: Collection[str], decisions: Sequence[str]) -> None:
    """On those of the batch's deliveries that are for these tiers."""
    on(database).filter(batch=batch, tier__in=tiers).update(decisions=decisions)


def sweep(database: str, rows: Sequence[Delivery], now: datetime) -> None:
    """Remember that the sweep has looked after these."""
    on(database).filter(pk__in=[row.pk for row in rows]).update(swept_at=now)


def replay(database: str, keys: Collection[int], *, actor: str, now: datetime) -> int:
    """Return the dead letters among these to pending; returns how many."""
    dead = on(database).filter(pk__in=keys, status__in=DELIVERY.sources(Action.REPLAY))
    fresh = {"status": DELIVERY.target(Action.REPLAY), **FRESH}
    return dead.update(**fresh, available_at=now, replayed_at=now, replayed_by=actor[:150])


def _row(delivery: Delivery) -> QuerySet[Delivery]:
    return on(delivery._state.db or "default").filter(pk=delivery.pk)


def _held(delivery: Delivery) -> QuerySet[Delivery]:
    """The delivery's row, as long as this lease is the newest one."""
    return _row(delivery).filter(status=DELIVERY.target(Action.LEASE), leases=delivery.leases)


def on(database: str) -> QuerySet[Delivery]:
    """All of a database."""
    return Delivery.objects.using(database)


class Ended(NamedTuple):
    """How a delivery ended, or that it has not: without the weight of a model instance."""

    tier: str
    node: str
    delivery_pass: str
    status: str
    completed_at: datetime | None
    claimed_at: datetime
    """When its batch was claimed."""

    recorded_at: datetime | None
    """When the oldest event of its batch was stored."""

    @property
    def place(self) -> CachePlace:
        """Where it was made."""
        return CachePlace(self.tier, self.node)

    @property
    def proved(self) -> bool:
        """Has the cache proved it?"""
        return self.status == DeliveryStatus.PURGED and self.completed_at is not None


def newest(database: str) -> list[Ended]:
    """The last that were planned: enough to tell how each node does."""
    own = ("tier", "node", "delivery_pass", "status", "completed_at")
    rows = on(database).order_by("-id").values_list(*own, "batch__created_at", "batch__recorded_at")
    return [Ended(*row) for row in rows[:NEWEST]]


def unfinished(database: str) -> QuerySet[Delivery]:
    """Those that something is still to come of."""
    return on(database).filter(status__in=OPEN)


def dead_letters(database: str) -> QuerySet[Delivery]:
    """Those that ended without a purge."""
    return on(database).filter(status__in=DEAD_LETTERS)


def in_order(database: str, batch: Batch) -> list[Delivery]:
    """The deliveries of the batch, as far as their order is concerned."""
    deliveries = list(on(database).filter(batch_id=batch.pk).order_by("id").only(*ORDER))
    for row in deliveries:
        row.batch = batch
    return deliveries


def of_passes(delivery: Delivery, tiers: Collection[str]) -> QuerySet[Delivery]:
    """Those of its batch and pass for these tiers, with the repeats that there are."""
    rows = on(delivery._state.db or "default").filter(batch_id=delivery.batch_id, tier__in=tiers)
    return rows.filter(delivery_pass__in=[delivery.delivery_pass, Pass.REPEAT]).order_by("id")


def unattempted_beside(database: str, delivery: Delivery) -> QuerySet[Delivery]:
    """Those of its batch, tier and pass whose first attempt has not ended."""
    rows = on(database).filter(batch_id=delivery.batch_id, attempted_at=None)
    return rows.filter(tier=delivery.tier, delivery_pass=delivery.delivery_pass)


def waiting_since(database: str, tiers: Collection[str], instant: datetime) -> QuerySet[Delivery]:
    """Those of these tiers that nothing but a free worker is missing for, for that long."""
    return on(database).filter(status=DeliveryStatus.PENDING, tier__in=tiers, available_at__lt=instant)


def purged_by(database: str, batch: Batch, delivery_pass: Pass) -> QuerySet[Delivery]:
    """Those of the batch's pass that are proved."""
    return on(database).filter(batch_id=batch.pk, delivery_pass=delivery_pass, status=DeliveryStatus.PURGED)


def unattended(database: str, now: datetime, *, patience: timedelta, longest: timedelta) -> QuerySet[Delivery]:
    """The rows that no sweep has announced so lately that the announcement may still be on its way.

    That may take `patience`, or as long as the delivery had waited by then, but not more than `longest`.
    """
    due_at = Greatest("available_at", Coalesce("started_at", "available_at"))
    rows = on(database).alias(
        waited=F("swept_at") - due_at, since=Value(now, output_field=DateTimeField()) - F("swept_at")
    )
    patient = Q(since__gt=patience) & (Q(since__gte=F("waited")) | Q(since__gt=longest))
    return rows.filter(Q(swept_at=None) | patient)


def is_due(now: datetime, expired_at: datetime) -> Q:
    """Waits that have ended, and leases of workers that have died."""
    ended = Q(status__in=WAITING, available_at__lte=now)
    expired = Q(status=DELIVERY.target(Action.LEASE), available_at__lte=now, started_at__lt=expired_at)
    return ended | expired

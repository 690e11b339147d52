"""A delivery as its holder sees it: take the lease, store progress, settle; nobody else may."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from invalidation import conf
from invalidation.models import Delivery, DeliveryStatus
from invalidation.pipeline import rebound_schedule, repeat
from invalidation.pipeline.outcome import Budget, Outcome
from invalidation.rows import attempts, deliveries
from invalidation.rows.states import WAITING, Action


class LeaseLost(Exception):
    """Another worker took the delivery over; what this one does counts for nothing."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A delivery that this worker holds."""

    delivery: Delivery
    taken_over: bool
    """True: its last holder died."""

    resumed: bool = False
    """Has an earlier holder made some of its calls?"""


def take(database: str, delivery_id: int) -> Lease | None:
    """Take the delivery if it is due, or if its holder's lease has run out; of several takers one succeeds."""
    delivery = deliveries.on(database).select_related("batch").filter(pk=delivery_id).first()
    now = timezone.now()
    if delivery is None or not due(delivery, now, conf.settings().retry.lease_seconds):
        return None
    taken_over, resumed = delivery.status == DeliveryStatus.RUNNING, delivery.calls > 0
    return Lease(delivery, taken_over, resumed) if deliveries.lease(delivery, now) else None


def due(delivery: Delivery, now: datetime, lease_seconds: float) -> bool:
    """May a worker take it now? Pure."""
    if delivery.status == DeliveryStatus.PENDING:
        return True
    if delivery.status == DeliveryStatus.RUNNING:
        return delivery.started_at is None or delivery.started_at < now - timedelta(seconds=lease_seconds)
    return delivery.status in WAITING and delivery.available_at <= now


def budget(delivery: Delivery) -> Budget:
    """What is left of its attempts, and of the time for which it may be put off."""
    settings = conf.settings()
    now = timezone.now()
    left_seconds = settings.retry.give_up_seconds - (now - (delivery.attempted_at or now)).total_seconds()
    return Budget(delivery.attempts, settings.retry.max_attempts, left_seconds)


def keep_progress(delivery: Delivery) -> None:
    """Store which calls are done, so that another worker would go on from there.

    Raises:
        LeaseLost: another worker has it already.
    """
    if not deliveries.keep_progress(delivery):
        raise LeaseLost


def settle(delivery: Delivery, outcome: Outcome, *, milliseconds: float, resumed: bool = False) -> bool:
    """Record the end of the attempt; False where the lease was taken over meanwhile, so that it counts for nothing.

    A late success, the repeats that it makes necessary further out, and another rebound are one transaction; so are a
    failure, or the success that follows one, and their place in the delivery's history.
    """
    values = ended(delivery, outcome, milliseconds)
    late = outcome.action is Action.PROVE and (delivery.leases > 1 or delivery.attempted_at is not None)
    troubled = bool(delivery.error or outcome.error)
    if not (late or troubled):
        return deliveries.end(delivery, values)
    with transaction.atomic(using=delivery._state.db):
        if settled := deliveries.end(delivery, values):
            if troubled:
                attempts.note(delivery._state.db or "default", delivery, timezone.now())
            if late:
                repeat.outside(delivery, resumed=resumed)
                rebound_schedule.again(delivery)
    return settled


def ended(delivery: Delivery, outcome: Outcome, milliseconds: float) -> dict[str, Any]:
    """Values of a delivery whose attempt ends now."""
    now = timezone.now()
    return {
        "status": outcome.status,
        "started_at": delivery.started_at,
        "attempted_at": delivery.attempted_at or now,
        "available_at": now + timedelta(seconds=outcome.wait_seconds),
        "completed_at": now if outcome.final else None,
        "swept_at": None,
        "attempts": delivery.attempts - (not outcome.consumes_attempt),
        "steps": delivery.steps,
        "decisions": delivery.decisions or [],
        "calls": delivery.calls,
        "milliseconds": milliseconds,
        "removed": delivery.removed,
        "external_id": outcome.external_id or delivery.external_id,
        "reply": outcome.reply or (delivery.reply if outcome.action is Action.DEFER else ""),
        "error": outcome.error,
    }

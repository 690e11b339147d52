"""One delivery: take the lease, run its plan against the node, settle what came of it."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import structlog
from django.db.models import F, Q
from django.utils import timezone

from invalidation import conf
from invalidation.exceptions import DeliveryError, TransientError
from invalidation.models import Delivery, DeliveryStatus
from invalidation.pipeline import advance
from invalidation.pipeline.backoff import backoff_seconds
from invalidation.pipeline.plan import Step
from invalidation.pipeline.resolve import planned
from invalidation.pipeline.transitions import Action, Outcome, decide, sources
from invalidation.providers.base import Reply
from invalidation.providers.registry import provider
from invalidation.signals import deliveries_ready, delivery_settled, tell

logger = structlog.get_logger(__name__)


def deliver(database: str, delivery_id: int) -> Delivery | None:
    """Run one attempt; None where another worker holds the delivery or it is final already."""
    delivery = lease(database, delivery_id)
    if delivery is None:
        return None
    started = time.perf_counter()
    outcome = attempt(delivery)
    if settle(delivery, outcome, milliseconds=1000 * (time.perf_counter() - started)):
        tell(delivery_settled, "delivery_receiver_failed", database=database, delivery=delivery)
        if outcome.wait_seconds:
            retry = {"database": database, "deliveries": [delivery], "wait_seconds": outcome.wait_seconds}
            tell(deliveries_ready, "hand_out_failed", **retry)
        advance.hand_out(database, delivery.batch)
    return delivery


def lease(database: str, delivery_id: int) -> Delivery | None:
    """Take the delivery if it is due, or if its holder's lease has run out; the update decides between two takers."""
    now = timezone.now()
    expired_at = now - timedelta(seconds=conf.settings().lease_seconds)
    due = Q(status__in=sources(Action.LEASE) - {DeliveryStatus.RUNNING}, available_at__lte=now)
    free = due | Q(status=DeliveryStatus.RUNNING, started_at__lt=expired_at)
    taken = (
        Delivery.objects.using(database)
        .filter(free, pk=delivery_id)
        .update(status=DeliveryStatus.RUNNING, started_at=now, attempts=F("attempts") + 1, leases=F("leases") + 1)
    )
    return Delivery.objects.using(database).select_related("batch").get(pk=delivery_id) if taken else None


def attempt(delivery: Delivery) -> Outcome:
    """Run the calls that are left. The one place that catches broadly: a defect must not stop the other tiers."""
    settings = conf.settings()
    wait_seconds = backoff_seconds(
        delivery.attempts, base_seconds=settings.backoff_base_seconds, cap_seconds=settings.backoff_cap_seconds
    )
    try:
        return _run(delivery)
    except DeliveryError as error:
        failure = error
    except Exception as error:
        logger.exception("delivery_defect", tier=delivery.tier, node=delivery.node, delivery=delivery.pk)
        failure = TransientError(f"{type(error).__name__} in the provider or its configuration; the log has the trace")
    return decide(failure, attempts=delivery.attempts, max_attempts=settings.max_attempts, backoff_seconds=wait_seconds)


def _run(delivery: Delivery) -> Outcome:
    """Make each call in order, forgetting the calls that are done, so that a later attempt goes on from there."""
    node = provider(delivery.tier, delivery.node)
    if delivery.external_id:
        return _outcome(node.poll(delivery.external_id), [])
    steps = _remaining(delivery)
    replies: list[Reply] = []
    while steps:
        verb = getattr(node, steps[0].verb)
        replies.append(verb(steps[0].items) if steps[0].items else verb())
        delivery.calls += 1
        steps.pop(0)
        delivery.steps = [step.document() for step in steps]
    return _outcome(Reply(), replies)


def _remaining(delivery: Delivery) -> list[Step]:
    """The stored rest of an earlier attempt's plan, or a new plan; stored first where it is more than one call."""
    if delivery.steps is not None:
        return [Step.from_document(document) for document in delivery.steps]
    plan = planned(delivery.batch, delivery.tier)
    delivery.decisions = list(plan.decisions)
    delivery.steps = [step.document() for step in plan.steps]
    if len(plan.steps) > 1:
        delivery.save(update_fields=["steps", "decisions"])
    return list(plan.steps)


def _outcome(last: Reply, replies: list[Reply]) -> Outcome:
    counted = [reply.removed for reply in replies if reply.removed is not None]
    final = replies[-1] if replies else last
    return Outcome(
        Action.ACCEPT if final.accepted else Action.PROVE,
        removed=sum(counted) if counted else None,
        external_id=final.external_id,
        reply="\n".join(dict.fromkeys(reply.raw for reply in replies if reply.raw))[:2000],
        wait_seconds=5.0 if final.accepted else 0.0,
    )


def settle(delivery: Delivery, outcome: Outcome, *, milliseconds: float) -> bool:
    """Record the end of the attempt; False where the lease was taken over meanwhile, so that it counts for nothing."""
    now = timezone.now()
    values: dict[str, Any] = {
        "status": outcome.status,
        "attempted_at": delivery.attempted_at or now,
        "available_at": now + timedelta(seconds=outcome.wait_seconds),
        "completed_at": now if not outcome.wait_seconds else None,
        "attempts": delivery.attempts - (outcome.action is Action.DEFER),
        "steps": delivery.steps,
        "decisions": delivery.decisions,
        "calls": delivery.calls,
        "removed": _total(delivery.removed, outcome.removed),
        "milliseconds": milliseconds,
        "external_id": outcome.external_id or delivery.external_id,
        "reply": outcome.reply,
        "error": outcome.error,
    }
    mine = Delivery.objects.using(delivery._state.db).filter(
        pk=delivery.pk, status=DeliveryStatus.RUNNING, leases=delivery.leases
    )
    if not mine.update(**values):
        return False
    for name, value in values.items():
        setattr(delivery, name, value)
    return True


def _total(before: int | None, now: int | None) -> int | None:
    return before if now is None else (before or 0) + now

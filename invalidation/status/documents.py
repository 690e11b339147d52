"""Tells how far a purge is: one event's document, the whole pipeline's overview, and waiting for an end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypedDict, cast
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from tenacity import Future, RetryCallState, Retrying, retry_if_result, stop_after_delay, wait_exponential

from invalidation import conf
from invalidation.freshness import complaints
from invalidation.models import (
    Batch,
    Delivery,
    DeliveryStatus,
    Event,
    EventStatus,
    Verification,
)
from invalidation.rows import batches, events, states, unfinished, verifications
from invalidation.rows import deliveries as rows
from invalidation.status import scheduled
from invalidation.targets.values import Lane

#: States that an event never leaves by itself.
FINAL = frozenset({EventStatus.DONE, EventStatus.DEAD})
#: First and longest pause between two looks at an event that is waited for.
FIRST_POLL_SECONDS, LONGEST_POLL_SECONDS = 0.02, 0.5

DeliveryDocument = TypedDict(
    "DeliveryDocument",
    {
        "tier": str,
        "node": str,
        "pass": str,
        "status": str,
        "attempts": int,
        "calls": int,
        "removed": int | None,
        "milliseconds": float | None,
        "external_id": str | None,
        "error": str | None,
    },
)


class BatchDocument(TypedDict):
    """What was merged and purged together."""

    id: int
    sequence: int | None
    status: str
    targets: dict[str, Any]
    events: int
    refreshed_at: str | None
    """When its pages had been fetched again; null for what is not to be, or not yet."""


class VerificationDocument(TypedDict):
    """The proof that a node gave, or its failure to give one."""

    tier: str
    node: str
    url: str
    status_code: int | None
    cache_status: str
    sequence: int | None
    stale: bool
    error: str | None
    checked_at: str


class EventDocument(TypedDict):
    """What commands, admin and API say of one event; plain JSON, instants in ISO 8601."""

    id: str
    status: str
    source: str
    actor: str
    reason: str
    correlation_id: str
    created_at: str
    completed_at: str | None
    due_at: str | None
    """When it will be stored, of one that is scheduled; null else."""

    mode: str
    targets: dict[str, Any]
    batch: BatchDocument | None
    deliveries: list[DeliveryDocument]
    verifications: list[VerificationDocument]


class TierDocument(TypedDict):
    """One configured tier and how its deliveries stand, by status; never its options, which hold secrets."""

    tier: str
    provider: str
    fills_from: list[str]
    nodes: list[str]
    deliveries: dict[str, int]


class RuleDocument(TypedDict):
    """A rule that failed, or named what can't be purged, in the last days; counted by all processes."""

    rule: str
    model: str
    count: int
    error: str
    """The newest, with its instant."""


class Overview(TypedDict):
    """The pipeline at a glance; no number is above `count_limit`, a number equal to it means "at least"."""

    backlog: dict[str, int]
    lag_seconds: float
    """Age of the oldest work that is not finished, claimed or not."""

    running_batches: int
    dead_letters: int
    tiers: list[TierDocument]
    rules: list[RuleDocument]
    count_limit: int


def find(identifier: UUID | str) -> Event:
    """The event with this uid, or with the one that begins so, in whichever database holds it.

    Raises:
        Event.DoesNotExist: no database has it, several begin so, or `identifier` is nothing that a UUID begins with.
    """
    begins = events.UidRange.of(identifier)
    if begins is None:
        raise Event.DoesNotExist(
            f"{str(identifier)!r} is not the id of an event, which is a UUID, or 8 or more of its first characters."
        )
    found = [event for alias in conf.settings().databases for event in _beginning(alias, begins)]
    if len(found) > 1:
        raise Event.DoesNotExist(f"Several events have an id that begins with {identifier}; give more of it.")
    if found:
        return found[0]
    raise Event.DoesNotExist(f"No event has the id {identifier}.")


def _beginning(alias: str, begins: events.UidRange) -> list[Event]:
    """No more than two: a second one is enough to know. Stored ones again, for what was fired meanwhile."""
    stored = begins.of_rows(events.on(alias)).select_related("batch")[:2]
    return list(stored) or scheduled.beginning(alias, begins) or list(stored.all())


def deliveries_of(event: Event) -> QuerySet[Delivery]:
    """The deliveries that carry this event, rebounds included, in the order in which they were planned."""
    keys, batch = [], event.batch
    while batch:
        keys.append(batch.pk)
        batch = batch.rebound
    return rows.on(event._state.db or "default").filter(batch_id__in=keys).order_by("id")


def verifications_of(event: Event) -> QuerySet[Verification]:
    """What nodes answered when they were asked for what this event purged, oldest first."""
    return event.batch.verifications.order_by("id") if event.batch else verifications.none()


def document(event: Event) -> EventDocument:
    """The status document of an event, the same wherever it is shown."""
    return assembled(event, deliveries_of(event), verifications_of(event))


def assembled(event: Event, deliveries: Iterable[Delivery], verified: Iterable[Verification]) -> EventDocument:
    """The same for who has asked for these rows already."""
    return {
        "id": str(event.uid),
        "status": event.status,
        "source": event.source,
        "actor": event.actor,
        "reason": event.reason,
        "correlation_id": event.correlation_id,
        "created_at": event.created_at.isoformat(),
        "completed_at": event.completed_at.isoformat() if event.completed_at else None,
        "due_at": event.due_at.isoformat() if event.due_at else None,
        "mode": event.mode,
        "targets": event.targets,
        "batch": _batch(event.batch) if event.batch else None,
        "deliveries": [_delivery(delivery) for delivery in deliveries],
        "verifications": [_verification(row) for row in verified],
    }


def _batch(batch: Batch) -> BatchDocument:
    return {
        "id": batch.pk,
        "sequence": batch.sequence,
        "status": batch.status,
        "targets": batch.targets,
        "events": batch.event_count,
        "refreshed_at": batch.refreshed_at.isoformat() if batch.refreshed_at else None,
    }


def _delivery(delivery: Delivery) -> DeliveryDocument:
    return {
        "tier": delivery.tier,
        "node": delivery.node,
        "pass": delivery.delivery_pass,
        "status": delivery.status,
        "attempts": delivery.attempts,
        "calls": delivery.calls,
        "removed": delivery.removed,
        "milliseconds": delivery.milliseconds,
        "external_id": delivery.external_id or None,
        "error": delivery.error or None,
    }


def _verification(row: Verification) -> VerificationDocument:
    return {
        "tier": row.tier,
        "node": row.node,
        "url": row.url,
        "status_code": row.status_code,
        "cache_status": row.cache_status,
        "sequence": row.sequence,
        "stale": row.stale,
        "error": row.error or None,
        "checked_at": row.checked_at.isoformat(),
    }


def overview() -> Overview:
    """Backlog, lag, running batches, dead letters and tiers, summed over every database with an outbox."""
    pending = [events.pending(alias) for alias in _databases()]
    deliveries = [rows.on(alias) for alias in _databases()]
    return {
        "backlog": {lane.value: unfinished.count(rows.filter(lane=lane) for rows in pending) for lane in Lane},
        "lag_seconds": max(unfinished.oldest_seconds(timezone.now()).values()),
        "running_batches": unfinished.count(map(batches.running, _databases())),
        "dead_letters": unfinished.count(rows.filter(status=one) for rows in deliveries for one in states.DEAD_LETTERS),
        "tiers": tiers(),
        "rules": [_rule(complaint) for complaint in complaints.counted()],
        "count_limit": unfinished.COUNT_LIMIT,
    }


def tiers() -> list[TierDocument]:
    """Every configured tier, summed in the same way."""
    deliveries = [rows.on(alias) for alias in _databases()]
    return [_tier(tier, deliveries) for tier in conf.settings().tiers.values()]


def _rule(complaint: complaints.Complaint) -> RuleDocument:
    rule, _, model = complaint.rule.partition(" ")
    return {"rule": rule, "model": model, "count": complaint.count, "error": complaint.newest}


def _databases() -> tuple[str, ...]:
    return conf.settings().databases


def _tier(tier: conf.Tier, deliveries: Iterable[QuerySet[Delivery]]) -> TierDocument:
    counts = {
        status.value: unfinished.count(rows.filter(status=status, tier=tier.name) for rows in deliveries)
        for status in DeliveryStatus
    }
    return {
        "tier": tier.name,
        "provider": tier.provider,
        "fills_from": list(tier.fills_from),
        "nodes": [node for node in tier.nodes if node],
        "deliveries": {status: number for status, number in counts.items() if number},
    }


def wait(event_uid: UUID | str, database: str, timeout_seconds: float) -> EventStatus:
    """Poll until the event is done or dead, for at most `timeout_seconds`; the answer is its status by then."""
    end: EventStatus = _poll(lambda: _status(event_uid, database), FINAL.__contains__, timeout_seconds)
    return end


def wait_for_rebound(event_uid: UUID | str, database: str, timeout_seconds: float) -> bool:
    """The same until its rebound is over, too; False where it isn't by then."""
    over = events.on(database).filter(uid=event_uid, batch__in=batches.over(database))
    return bool(_poll(over.exists, bool, timeout_seconds))


def _poll(look: Callable[[], Any], is_end: Callable[[Any], bool], timeout_seconds: float) -> Any:
    poll = Retrying(
        retry=retry_if_result(lambda seen: not is_end(seen)),
        stop=stop_after_delay(timeout_seconds),
        wait=wait_exponential(multiplier=FIRST_POLL_SECONDS, max=LONGEST_POLL_SECONDS),
        retry_error_callback=_last_result,
    )
    return poll(look)


def _status(event_uid: UUID | str, database: str) -> EventStatus:
    return EventStatus(events.on(database).values_list("status", flat=True).get(uid=event_uid))


def _last_result(state: RetryCallState) -> Any:
    return cast("Future", state.outcome).result()

"""What each process counts as it happens, by the pipeline's signals; no label holds a URL or a tag."""

from __future__ import annotations

from typing import Any

from prometheus_client import Counter, Histogram

from invalidation.models import Batch, Delivery, DeliveryStatus, Pass, Verification
from invalidation.signals import batch_settled, delivery_settled, event_recorded, verified

#: From what an idle pipeline takes to what a dead node makes of it.
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200)

EVENTS = Counter("invalidation_events", "Events stored, by lane and by what wrote them.", ("lane", "source"))
BATCHES = Counter("invalidation_batches", "Batches that ended.", ("lane", "status"))
MERGED = Counter(
    "invalidation_merged_events", "Events of the batches that ended; by batch: how much merges.", ("lane",)
)
COMMIT_TO_PURGED = Histogram(
    "invalidation_commit_to_purged_seconds",
    "From the oldest event of a batch to its proved purge at a node, by the clocks of who wrote and who purged.",
    ("tier",),
    buckets=SECONDS,
)
ATTEMPTS = Counter(
    "invalidation_attempts",
    "Attempts at a node, by the delivery's status after it.",
    ("tier", "node", "outcome"),
)
CALLS = Counter("invalidation_calls", "Calls that deliveries took to their ends.", ("tier", "node", "outcome"))
VERIFIED = Counter("invalidation_verified", "Pages that a node was asked for after a purge.", ("tier",))
STALE = Counter("invalidation_stale", "Of those, pages that were older than the purge.", ("tier",))


def connect() -> None:
    """Listen to the pipeline."""
    for signal, receiver in (
        (event_recorded, count_events),
        (delivery_settled, count_delivery),
        (batch_settled, count_batch),
        (verified, count_verifications),
    ):
        signal.connect(receiver, dispatch_uid=f"{__name__}.{receiver.__name__}")


def count_events(*, kinds: list[tuple[str, str]] | None = None, **_: Any) -> None:
    """Of a transaction; an event that is announced again was counted before."""
    for lane, source in kinds or ():
        EVENTS.labels(lane, source).inc()


def count_delivery(*, delivery: Delivery, **_: Any) -> None:
    """One attempt; the calls of a delivery are counted at its end, because it counts them from its first attempt on."""
    place = (delivery.tier, delivery.node, str(delivery.status))
    ATTEMPTS.labels(*place).inc()
    if delivery.completed_at is None:
        return
    CALLS.labels(*place).inc(delivery.calls)
    recorded_at = delivery.batch.recorded_at
    if delivery.status == DeliveryStatus.PURGED and delivery.delivery_pass == Pass.PURGE and recorded_at:
        COMMIT_TO_PURGED.labels(delivery.tier).observe(max(0.0, (delivery.completed_at - recorded_at).total_seconds()))


def count_batch(*, batch: Batch, **_: Any) -> None:
    """One that ended."""
    BATCHES.labels(batch.lane, str(batch.status)).inc()
    MERGED.labels(batch.lane).inc(batch.event_count)


def count_verifications(*, verifications: list[Verification], **_: Any) -> None:
    """Answers alone; a node that could not be asked proves nothing."""
    for row in verifications:
        if not row.error:
            VERIFIED.labels(row.tier).inc()
            STALE.labels(row.tier).inc(row.stale)

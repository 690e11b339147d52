"""Every table: the outbox and its truth, what operators look back at, and a mixin for a project's own models."""

from __future__ import annotations

from invalidation.models.journal import Attempt, Sample
from invalidation.models.mixins import AtomicSaveMixin
from invalidation.models.outbox import (
    Batch,
    BatchStatus,
    Delivery,
    DeliveryStatus,
    Event,
    EventStatus,
    Fact,
    Pass,
    ScheduledEvent,
    Verification,
    Widening,
)

__all__ = [
    "AtomicSaveMixin",
    "Attempt",
    "Batch",
    "BatchStatus",
    "Delivery",
    "DeliveryStatus",
    "Event",
    "EventStatus",
    "Fact",
    "Pass",
    "Sample",
    "ScheduledEvent",
    "Verification",
    "Widening",
]

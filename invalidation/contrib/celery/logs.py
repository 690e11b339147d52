"""Structured logs of the pipeline: receivers of its signals, each line under the batch's correlation id."""

from __future__ import annotations

import logging
from typing import Any

from invalidation import lazy
from invalidation.models import Batch, Delivery, DeliveryStatus
from invalidation.signals import batch_settled, delivery_settled

logger = lazy.Logger("invalidation")
#: Asked before a line is put together that nobody would see.
DETAILS = logging.getLogger("invalidation")


def connect() -> None:
    """Listen to the pipeline."""
    delivery_settled.connect(log_delivery, dispatch_uid="invalidation.log_delivery")
    batch_settled.connect(log_batch, dispatch_uid="invalidation.log_batch")


def log_delivery(*, delivery: Delivery, **_: Any) -> None:
    """One line per attempt; one that went well is a detail, which the batch's line stands for."""
    well = delivery.status == DeliveryStatus.PURGED and delivery.attempts <= 1
    if well and not DETAILS.isEnabledFor(logging.DEBUG):
        return
    logger.log(
        logging.DEBUG if well else logging.INFO,
        "delivery_settled",
        correlation_id=delivery.batch.correlation_id,
        batch=delivery.batch_id,
        tier=delivery.tier,
        node=delivery.node,
        delivery_pass=delivery.delivery_pass,
        status=str(delivery.status),
        attempts=delivery.attempts,
        removed=delivery.removed,
        milliseconds=round(delivery.milliseconds or 0.0, 1),
        error=delivery.error,
    )


def log_batch(*, batch: Batch, **_: Any) -> None:
    """One line per batch."""
    logger.info(
        "batch_settled",
        correlation_id=batch.correlation_id,
        batch=batch.pk,
        status=str(batch.status),
        events=batch.event_count,
        sequence=batch.sequence,
    )

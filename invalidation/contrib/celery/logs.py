"""Structured logs of the pipeline: receivers of its signals, each line under the correlation id of what it is about.

Most batches hold what one request has changed, and have its id. The lines of one that merged more name the others too.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any

from django.db import transaction

from invalidation import lazy
from invalidation.models import Batch, Delivery, DeliveryStatus
from invalidation.signals import batch_claimed, batch_settled, delivery_settled, event_recorded

logger = lazy.Logger("invalidation")
#: Asked before a line is put together that nobody would see.
DETAILS = logging.getLogger("invalidation")
#: Most ids, and most deliveries, of one line.
MOST = 20
#: Attribute of a batch in the process that has claimed it: the ids of what it merged.
MERGED = "_invalidation_merged"


def connect() -> None:
    """Listen to the pipeline."""
    event_recorded.connect(log_events, dispatch_uid="invalidation.log_events")
    batch_claimed.connect(log_claim, dispatch_uid="invalidation.log_claim")
    delivery_settled.connect(log_delivery, dispatch_uid="invalidation.log_delivery")
    batch_settled.connect(log_batch, dispatch_uid="invalidation.log_batch")


def log_events(
    *, uids: list[str], lane: str, correlation_id: str, kinds: list[tuple[str, str]] | None = None, **_: Any
) -> None:
    """One line per commit; one that is announced again was recorded before."""
    if not kinds or not DETAILS.isEnabledFor(logging.INFO):
        return
    sources = sorted({str(source) for _, source in kinds})
    told = {"events": len(uids), "uids": uids[:MOST], "lane": lane, "sources": sources}
    logger.info("event_recorded", correlation_id=correlation_id, **told)


def log_claim(*, database: str, batch: Batch, merged: Sequence[Any], **_: Any) -> None:
    """A detail once the batch is stored; what it merged, later lines say too."""
    if len(ids := list(dict.fromkeys(one.correlation_id for one in merged if one.correlation_id))) > 1:
        setattr(batch, MERGED, ids[:MOST])
    if DETAILS.isEnabledFor(logging.DEBUG):
        transaction.on_commit(partial(_log_claim, batch), using=database)


def _log_claim(batch: Batch) -> None:
    told = {"batch": batch.pk, "events": batch.event_count, "lane": str(batch.lane)}
    logger.debug("batch_claimed", **_of(batch), **told)


def _of(batch: Batch) -> dict[str, Any]:
    """The ids that find a line."""
    merged = vars(batch).get(MERGED)
    return {"correlation_id": batch.correlation_id} | ({"merged": merged} if merged else {})


def log_delivery(*, delivery: Delivery, **_: Any) -> None:
    """One line per attempt; one that went well is a detail, which the batch's line stands for."""
    well = delivery.status == DeliveryStatus.PURGED and delivery.attempts <= 1
    if well and not DETAILS.isEnabledFor(logging.DEBUG):
        return
    logger.log(
        logging.DEBUG if well else logging.INFO,
        "delivery_settled",
        **_of(delivery.batch),
        batch=delivery.batch_id,
        tier=delivery.tier,
        node=delivery.node,
        delivery_pass=delivery.delivery_pass,
        status=str(delivery.status),
        attempts=delivery.attempts,
        calls=delivery.calls,
        removed=delivery.removed,
        milliseconds=round(delivery.milliseconds or 0.0, 1),
        error=delivery.error,
    )


def log_batch(*, batch: Batch, deliveries: Sequence[Delivery], **_: Any) -> None:
    """One line per batch, with what each node has done."""
    logger.info(
        "batch_settled",
        **_of(batch),
        batch=batch.pk,
        status=str(batch.status),
        events=batch.event_count,
        sequence=batch.sequence,
        deliveries=[f"{row.place} {row.status} {row.milliseconds or 0.0:.1f} ms" for row in deliveries[:MOST]],
    )

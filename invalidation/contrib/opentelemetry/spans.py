"""Spans of batches and of calls to nodes, by the pipeline's signals; no attribute holds an address of a page or a tag.

A batch's span begins with its claim and ends when the worker that claimed it has done what it could. Calls that other
workers make later are its children all the same: they find it by the batch's row.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import INVALID_SPAN_CONTEXT, Link, Span, SpanKind, Status, StatusCode

from invalidation import context
from invalidation.contrib.opentelemetry import places
from invalidation.exceptions import DeliveryError, RejectedError, Throttled
from invalidation.models import Batch, BatchStatus, Delivery
from invalidation.providers.answers.reply import Reply
from invalidation.signals import batch_claimed, batch_released, batch_settled, call_ended

#: As many as the SDK keeps of one span unless it is told otherwise.
MAX_LINKS = 128
#: Attribute of a batch whose span is open in this process; it goes with the object if the claim is rolled back.
OPEN = "_invalidation_span"

tracer = trace.get_tracer("invalidation")


def connect() -> None:
    """Listen to the pipeline, and tell events where their trace is."""
    context.traced_by(places.present)
    for signal, receiver in RECEIVERS:
        signal.connect(receiver, dispatch_uid=f"{__name__}.{receiver.__name__}")


def disconnect() -> None:
    """Neither any more."""
    context.untraced()
    for signal, receiver in RECEIVERS:
        signal.disconnect(dispatch_uid=f"{__name__}.{receiver.__name__}")


def begin_batch(*, batch: Batch, merged: Sequence[Any], **_: Any) -> None:
    """Link it to what it merged; where that is one trace alone the batch goes on in it."""
    causes = places.distinct(one.traceparent for one in merged)
    alone = len({cause.trace_id for cause in causes}) == 1
    span = tracer.start_span(
        "invalidation.batch",
        context=places.below(causes[0] if alone else INVALID_SPAN_CONTEXT),
        kind=SpanKind.CONSUMER,
        links=[Link(cause) for cause in causes[:MAX_LINKS]],
        attributes=_of_batch(batch) | {"invalidation.events": batch.event_count},
        start_time=_nanoseconds(batch.created_at),
    )
    batch.traceparent = places.written(span)
    setattr(batch, OPEN, span)


def release_batch(*, batch: Batch, **_: Any) -> None:
    """What is left of it, others do."""
    if span := vars(batch).pop(OPEN, None):
        _end(span, batch)


def settle_batch(*, batch: Batch, **_: Any) -> None:
    """One that ended later, or by another worker, says so in a span of its own, as long as all of it took."""
    if OPEN in vars(batch):
        return
    span = tracer.start_span(
        "invalidation.batch.rest",
        context=places.below(places.read(batch.traceparent)),
        attributes=_of_batch(batch),
        start_time=_nanoseconds(batch.created_at),
    )
    _end(span, batch)


def note_call(
    *,
    delivery: Delivery,
    verb: str,
    targets: int,
    started_at: datetime,
    reply: Reply | None,
    error: Exception | None,
    **_: Any,
) -> None:
    """One call to a node, from its begin to its end, whatever came of it."""
    batch = delivery.batch
    place = {"invalidation.tier": delivery.tier, "invalidation.node": delivery.node}
    asked: dict[str, str | int] = {
        "invalidation.verb": verb,
        "invalidation.targets": targets,
        "invalidation.pass": delivery.delivery_pass,
        "invalidation.outcome": outcome(reply, error),
    }
    span = tracer.start_span(
        f"{verb} {delivery.tier}",
        context=places.below(places.read(batch.traceparent)),
        kind=SpanKind.CLIENT,
        attributes=_of_batch(batch) | place | asked,
        start_time=_nanoseconds(started_at),
    )
    if error is not None:
        # Its words may name a page.
        span.set_attribute("error.type", type(error).__qualname__)
        span.set_status(Status(StatusCode.ERROR))
    span.end()


def outcome(reply: Reply | None, error: Exception | None) -> str:
    """In one word: `purged`, `accepted`, `throttled`, `rejected`, `failed`, or `defect` for what no provider raises."""
    if error is None:
        return "accepted" if reply is not None and reply.accepted else "purged"
    kinds = ((Throttled, "throttled"), (RejectedError, "rejected"), (DeliveryError, "failed"))
    return next((word for kind, word in kinds if isinstance(error, kind)), "defect")


def _of_batch(batch: Batch) -> dict[str, str | int]:
    known: dict[str, str | int] = {"invalidation.batch": batch.pk} if batch.pk else {}
    return known | {"invalidation.lane": str(batch.lane), "invalidation.correlation_id": batch.correlation_id}


def _end(span: Span, batch: Batch) -> None:
    span.set_attribute("invalidation.batch", batch.pk)
    span.set_attribute("invalidation.status", str(batch.status))
    if batch.status == BatchStatus.DEAD:
        span.set_status(Status(StatusCode.ERROR))
    span.end()


def _nanoseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1_000_000) * 1000


RECEIVERS = (
    (batch_claimed, begin_batch),
    (batch_released, release_batch),
    (batch_settled, settle_batch),
    (call_ended, note_call),
)

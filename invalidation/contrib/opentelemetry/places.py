"""Where something is in a trace, as the header `traceparent` says it, and back."""

from __future__ import annotations

from collections.abc import Iterable

from opentelemetry.context import Context
from opentelemetry.trace import (
    INVALID_SPAN_CONTEXT,
    NonRecordingSpan,
    Span,
    SpanContext,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from invalidation import context

HEADER = "traceparent"
_headers = TraceContextTextMapPropagator()


def present() -> str:
    """Of the span that is open; where nothing traces the request, what its own header says."""
    return written(get_current_span()) or context.header(HEADER)


def written(span: Span) -> str:
    """Of a span; "" for one that is none."""
    carrier: dict[str, str] = {}
    _headers.inject(carrier, set_span_in_context(span, Context()))
    return carrier.get(HEADER, "")


def read(traceparent: str) -> SpanContext:
    """Invalid for what can't be read: another program may have written anything into the row."""
    found = _headers.extract({HEADER: traceparent}, Context()) if traceparent else Context()
    return get_current_span(found).get_span_context() if found else INVALID_SPAN_CONTEXT


def distinct(traceparents: Iterable[str]) -> list[SpanContext]:
    """Those that can be read, each once, in their order."""
    return [place for one in dict.fromkeys(traceparents) if (place := read(one)).is_valid]


def below(place: SpanContext) -> Context:
    """For a span whose parent is there; for one that begins a trace where the place is invalid."""
    return set_span_in_context(NonRecordingSpan(place), Context()) if place.is_valid else Context()

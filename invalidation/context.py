"""Who caused what: actor, correlation id and trace of the request that is being served."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.http import HttpRequest

_request: ContextVar[HttpRequest | None] = ContextVar("invalidation_request", default=None)
_correlation_id: ContextVar[str] = ContextVar("invalidation_correlation_id", default="")

#: The header `traceparent`: version, trace, span and flags (https://www.w3.org/TR/trace-context/).
TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
#: What an id looks like that is searched for, in logs and by the API.
WORD = re.compile(r"[!-~]+")
#: Who knows of traces says by this where the present one is; nobody does while no integration is installed.
_tracers: list[Callable[[], str]] = []


@contextmanager
def serving(request: HttpRequest) -> Iterator[None]:
    """Name `request` as the cause of what is recorded inside."""
    token = _request.set(request)
    try:
        yield
    finally:
        _request.reset(token)


@contextmanager
def following(correlation_id: str) -> Iterator[None]:
    """What is done inside belongs to this id; said to structlog too, where it is loaded. "" changes nothing."""
    if not correlation_id:
        yield
        return
    token = _correlation_id.set(correlation_id)
    bound = sys.modules.get("structlog.contextvars")
    try:
        with bound.bound_contextvars(correlation_id=correlation_id) if bound else nullcontext():
            yield
    finally:
        _correlation_id.reset(token)


def correlation_id() -> str:
    """The id that follows a change from the web request to the last provider call; "" where none is bound.

    django-structlog binds `request_id`, which a visitor may have chosen: what is no word of ASCII is none. Workers bind
    `correlation_id`. Who hasn't imported structlog bound nothing.
    """
    bound = sys.modules.get("structlog.contextvars")
    known = bound.get_contextvars() if bound else {}
    request_id = str(known.get("request_id") or "")[:64]
    own = known.get("correlation_id") or _correlation_id.get()
    return str(own)[:64] if own else request_id if WORD.fullmatch(request_id) else ""


def traced_by(tracer: Callable[[], str]) -> None:
    """Ask `tracer` from now on where the present trace is: as the header `traceparent`, or "" for nowhere."""
    _tracers[:] = [tracer]


def untraced() -> None:
    """Ask nobody any more."""
    _tracers.clear()


def traceparent() -> str:
    """Where the present trace is; "" for nowhere, or where what is said can't be read."""
    said = _tracers[0]() if _tracers else ""
    return said if TRACEPARENT.fullmatch(said) else ""


def header(name: str) -> str:
    """Of the request that is being served; "" where it has none, and outside a request."""
    request = _request.get()
    return str(request.headers.get(name, "")) if request is not None else ""


def actor() -> str:
    """Name of the user who made the request; "" outside a request and for anonymous ones.

    Asked for when an event is recorded, not for every request: reading the user makes a page vary by cookie.
    """
    user = getattr(_request.get(), "user", None)
    return str(user.get_username())[:150] if user is not None and user.is_authenticated else ""

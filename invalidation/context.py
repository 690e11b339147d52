"""Who caused what: actor and correlation id of the request that is being served."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.http import HttpRequest

_request: ContextVar[HttpRequest | None] = ContextVar("invalidation_request", default=None)
_correlation_id: ContextVar[str] = ContextVar("invalidation_correlation_id", default="")


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

    django-structlog binds `request_id`; workers bind `correlation_id`. Who hasn't imported structlog bound nothing.
    """
    bound = sys.modules.get("structlog.contextvars")
    known = bound.get_contextvars() if bound else {}
    return str(known.get("correlation_id") or _correlation_id.get() or known.get("request_id") or "")[:64]


def actor() -> str:
    """Name of the user who made the request; "" outside a request and for anonymous ones.

    Asked for when an event is recorded, not for every request: reading the user makes a page vary by cookie.
    """
    user = getattr(_request.get(), "user", None)
    return str(user.get_username())[:150] if user is not None and user.is_authenticated else ""

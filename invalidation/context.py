"""Who caused what: actor and correlation id of the request that is being served."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.http import HttpRequest

_request: ContextVar[HttpRequest | None] = ContextVar("invalidation_request", default=None)


@contextmanager
def serving(request: HttpRequest) -> Iterator[None]:
    """Name `request` as the cause of what is recorded inside."""
    token = _request.set(request)
    try:
        yield
    finally:
        _request.reset(token)


def correlation_id() -> str:
    """The id that follows a change from the web request to the last provider call; "" where none is bound.

    django-structlog binds `request_id`; workers bind `correlation_id`. Who hasn't imported structlog bound nothing.
    """
    bound = sys.modules.get("structlog.contextvars")
    known = bound.get_contextvars() if bound else {}
    return str(known.get("correlation_id") or known.get("request_id") or "")[:64]


def actor() -> str:
    """Name of the user who made the request; "" outside a request and for anonymous ones.

    Asked for when an event is recorded, not for every request: reading the user makes a page vary by cookie.
    """
    user = getattr(_request.get(), "user", None)
    return str(user.get_username())[:150] if user is not None and user.is_authenticated else ""

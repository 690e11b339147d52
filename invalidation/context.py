"""Who caused what: actor and correlation id of the running request, as django-structlog bound them."""

from __future__ import annotations

import uuid

from structlog.contextvars import get_contextvars


def correlation_id() -> str:
    """The id that follows a change from the web request to the last provider call; a new one outside a request."""
    bound = get_contextvars()
    return str(bound.get("correlation_id") or bound.get("request_id") or uuid.uuid4())[:64]


def actor() -> str:
    """Who made the running request, as `DJANGO_STRUCTLOG_USER_ID_FIELD` names them; "" outside a request."""
    return str(get_contextvars().get("user_id") or "")[:150]

"""What the response of a test client is tagged with."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from invalidation.http.headers import own_tags
from invalidation.http.tags import tags_of


def page_tags(response: Any, request: HttpRequest | None = None) -> frozenset[str]:
    """Every tag by which the page can be purged: collected while it was rendered, and written in a header by itself.

    `response` is one of Django's test client, sync or async; one of a view that was called with a request of
    RequestFactory needs that `request` beside it.
    """
    request = request or _request_of(response)
    collected = tags_of(request) if request is not None else frozenset()
    return collected | own_tags(response)


def page_url(response: Any) -> str:
    """The path and query that it answers; "" where that is unknown."""
    request = _request_of(response)
    return request.get_full_path() if request is not None else ""


def _request_of(response: Any) -> HttpRequest | None:
    request: HttpRequest | None = getattr(response, "wsgi_request", None) or getattr(response, "asgi_request", None)
    return request

"""Django's request inside one that a framework has wrapped around it: what is noted on a wrapper, nobody else finds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest


def plain(request: Any) -> Any:
    """The request that the middleware sees; Django REST framework's keeps it as `_request`."""
    while (inner := request.__dict__.get("_request")) is not None:
        request = inner
    return request


def asked(arguments: tuple[Any, ...], named: Mapping[str, Any]) -> HttpRequest:
    """The request among a view's arguments: the first, or the second of a method."""
    given = [*arguments[:2], named.get("request")]
    first: Any = plain(given[0])
    request: HttpRequest = first if isinstance(first, HttpRequest) else plain(given[1])
    return request

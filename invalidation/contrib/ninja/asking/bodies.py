"""Reads the body of a request within its bound, before anything is made of it."""

from __future__ import annotations

from django.http import HttpRequest, UnreadablePostError

from invalidation.contrib.ninja.conf import settings
from invalidation.contrib.ninja.problems import Problem

JSON = "application/json"
#: A longer number is no length.
DIGITS = 18


def read(request: HttpRequest) -> None:
    """Leave it in `request.body`.

    Raises:
        Problem: it is too long, cut off, or called something else than JSON.
    """
    if request.method != "POST":
        return
    most = int(settings().max_body_bytes)
    if (request.content_type or "") != JSON:
        raise Problem(415, "The body is not called JSON.", f"Send the header `Content-Type: {JSON}`.")
    if _announced_bytes(request) > most or len(_bounded(request, most + 1)) > most:
        raise Problem(
            413, f"The body is longer than {most} bytes.", "Purge a tag or a prefix, or send several requests."
        )


def _announced_bytes(request: HttpRequest) -> int:
    text = request.META.get("CONTENT_LENGTH") or "0"
    return int(text) if text.isdecimal() and len(text) <= DIGITS else 0


def _bounded(request: HttpRequest, most: int) -> bytes:
    """A body that announced no length, as over ASGI, is read no further than it may be long."""
    if not hasattr(request, "_body"):
        try:
            request._body = request.read(most)
        except UnreadablePostError as error:
            raise Problem(400, "The body ended early.", "Send the request again.") from error
    return request.body

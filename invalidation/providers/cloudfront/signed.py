"""Sends what boto3 has signed as every request to a CDN's API is sent, under a deadline over the whole exchange.

boto3's own timeouts bound each read: a server that sends a byte now and then would hold a worker for ever. An answer to
its event `before-send` takes the place of sending, which is how its test doubles work too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from invalidation.providers.cdn.vendor import Service
from invalidation.providers.wire.request import Request


class _Body:
    """The body of an answer, as botocore reads it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        """All of it at once."""
        yield self._body


def sent_by_us(client: Any, timeout_seconds: float) -> Any:
    """`client`, its requests sent to its endpoint by us."""
    service = Service("cloudfront", client.meta.endpoint_url, timeout_seconds)
    client.meta.events.register("before-send.cloudfront", lambda request, **_: _answered(service, request))
    return client


def _answered(service: Service, request: Any) -> Any:
    """What the endpoint answers to a request that is ready to be sent."""
    from botocore.awsrequest import AWSResponse

    answer = service.send(_ours(request))
    return AWSResponse(request.url, answer.status, dict(answer.headers), _Body(answer.body))


def _ours(request: Any) -> Request:
    """The same request, its target as it was signed."""
    parts = urlsplit(request.url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    body = request.body or b""
    return Request(request.method, target, dict(request.headers), body.encode() if isinstance(body, str) else body)

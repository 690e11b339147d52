"""A visitor who sends requests byte for byte, to any address under any name."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import replace

from deploy.local import Nginx, Varnish
from invalidation.providers.http import Location, Node
from invalidation.providers.wire.answer import Answer


def visit(
    server: Nginx | Varnish, url: str, headers: Mapping[str, str | bytes] | None = None, method: str = "GET"
) -> Answer:
    """Ask `server` for `url`, wherever its host would resolve to; what comes compressed is shown as a browser would."""
    location = Location.of(url)
    node = Node("visitor", server.url, timeout_seconds=10)
    answer = node.send(method, location.target, {**location.headers, **(headers or {})})
    packed = answer.headers.get("Content-Encoding") == "gzip" and answer.body
    return replace(answer, body=gzip.decompress(answer.body)) if packed else answer


def is_hit(answer: Answer) -> bool:
    """Did the cache answer without asking the application?"""
    return "HIT" in (answer.headers.get("X-Cache-Status"), answer.headers.get("X-Cache"))


def warm(server: Nginx | Varnish, url: str, headers: Mapping[str, str | bytes] | None = None) -> Answer:
    """Visit until the cache answers."""
    visit(server, url, headers)
    answer = visit(server, url, headers)
    assert is_hit(answer), f"{url} is not cached: {answer}"
    return answer

"""The in-flight guard: a response whose tags were invalidated while it was rendered is stored by nobody."""

from __future__ import annotations

import time
from dataclasses import dataclass

import structlog
from django.http import HttpRequest, HttpResponseBase

from invalidation import conf
from invalidation.freshness import index, sequence
from invalidation.freshness.state import UNAVAILABLE, client
from invalidation.http import cacheable
from invalidation.http.headers import set_tag_headers
from invalidation.http.tags import tags_of

logger = structlog.get_logger(__name__)

SEQUENCE_HEADER = "X-Cache-Sequence"
#: A Redis that is away is reported this often, not once per response.
REPORT_SECONDS = 30.0


@dataclass(slots=True)
class Degraded:
    """How often responses had to do without Redis; read by metrics."""

    count: int = 0
    reported_at: float = float("-inf")
    """Reading of the monotonic clock."""

    def note(self, error: Exception) -> None:
        """Count, and log once per interval."""
        self.count += 1
        if time.monotonic() - self.reported_at > REPORT_SECONDS:
            self.reported_at = time.monotonic()
            logger.warning("freshness_degraded", error=repr(error), responses=self.count)


degraded = Degraded()


def begin(request: HttpRequest) -> int | None:
    """The sequence before the first query; None where it can't be read. One round trip, for safe methods alone."""
    server = client()
    if server is None or request.method not in ("GET", "HEAD"):
        return None
    if time.monotonic() - degraded.reported_at < conf.settings().redis_timeout_seconds:
        return None
    try:
        return sequence.current(server)
    except UNAVAILABLE as error:
        degraded.note(error)
        return None


def end(request: HttpRequest, response: HttpResponseBase, since: int | None) -> None:
    """Stamp, tag and index a response that may be stored; forbid storing one that is outdated already."""
    if not cacheable.storable(request, response):
        return
    tags = tags_of(request)
    if not set_tag_headers(response, tags):
        logger.warning("too_many_tags", path=request.path, tags=len(tags))
        cacheable.forbid(response)
    elif since is None or not _checked(request, response, tags, since):
        cacheable.shorten(response, conf.settings().degraded_ttl_seconds)


def _checked(request: HttpRequest, response: HttpResponseBase, tags: frozenset[str], since: int) -> bool:
    """Compare with the stamps and record the URL, in one round trip; False where Redis is away."""
    server = client()
    if server is None:
        return False
    pipeline = server.pipeline(transaction=False)
    index.register(pipeline, request.build_absolute_uri(), tags)
    pipeline.mget(sequence.stamp_keys(tags))
    try:
        stamps = pipeline.execute()[-1]
    except UNAVAILABLE as error:
        degraded.note(error)
        return False
    if sequence.outdated(stamps, since):
        cacheable.forbid(response)
    else:
        response.headers[SEQUENCE_HEADER] = str(since)
    return True

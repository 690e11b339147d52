"""Streaming responses: their content is rendered after the headers left, so they are checked again at its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpResponseBase, StreamingHttpResponse

from invalidation import conf, late
from invalidation.freshness import sequence
from invalidation.freshness.sequence import Verdict
from invalidation.freshness.state import UNAVAILABLE, client
from invalidation.pipeline import outbox
from invalidation.values import Targets

logger = late.Logger(__name__)


def recheck(response: HttpResponseBase, url: str, tags: frozenset[str], since: int) -> None:
    """Once the last byte is rendered, purge `url` if anything it shows was invalidated meanwhile.

    Not covered: tags added while the content is rendered, because their header left before it.
    """
    if not isinstance(response, StreamingHttpResponse):
        return
    content: Any = response.streaming_content
    watched = (url, tags, since)
    # Django tells the two kinds apart by the attribute that the setter derives from the iterator.
    response.streaming_content = _watched_async(content, *watched) if response.is_async else _watched(content, *watched)


def _watched(content: Iterable[bytes], url: str, tags: frozenset[str], since: int) -> Iterator[bytes]:
    yield from content
    purge_if_outdated(url, tags, since)


async def _watched_async(content: Any, url: str, tags: frozenset[str], since: int) -> AsyncIterator[bytes]:
    async for part in content:
        yield part
    await sync_to_async(purge_if_outdated)(url, tags, since)


def purge_if_outdated(url: str, tags: frozenset[str], since: int) -> None:
    """Record a purge of `url`, also where Redis can't tell. One round trip; a failure is logged, never raised."""
    try:
        if _verdict(url, tags, since) is not Verdict.CURRENT:
            outbox.record(Targets.of(urls=[url]), using=conf.settings().databases[0], source="streaming")
    except Exception:  # the visitor has the whole response by now
        logger.exception("streaming_recheck_failed", url=url)


def _verdict(url: str, tags: frozenset[str], since: int) -> Verdict:
    server = client()
    if server is None:
        return Verdict.UNKNOWN
    try:
        stamps: Any = server.mget(sequence.watched_keys(tags, url))
    except UNAVAILABLE:
        return Verdict.UNKNOWN
    return sequence.verdict(stamps, since)

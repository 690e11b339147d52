"""What left after it was judged is checked again: a stream at its last byte, an answer that took long to be sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpResponseBase, StreamingHttpResponse

from invalidation import conf, lazy
from invalidation.freshness import sequence
from invalidation.freshness.clients import UNAVAILABLE, client
from invalidation.freshness.sequence import Verdict
from invalidation.pipeline import outbox
from invalidation.targets.values import Source, Targets

logger = lazy.Logger(__name__)


@dataclass(frozen=True, slots=True)
class Sent:
    """An answer that was current when it was judged."""

    url: str
    tags: frozenset[str]
    since: int
    judged_at: float = field(default_factory=monotonic)
    """Reading of the monotonic clock."""

    def purge_if_outdated(self) -> None:
        """Record a purge of the URL, also where Redis can't tell. One round trip; failures are logged, never raised."""
        try:
            if self._verdict() is not Verdict.CURRENT:
                outbox.record(Targets.of(urls=[self.url]), using=conf.settings().databases[0], source=Source.RECHECK)
        except Exception:  # the visitor has the whole response by now
            logger.exception("recheck_failed", url=self.url)

    def purge_if_late(self) -> None:
        """The same, if it was on its way for longer than the second purge of a batch waits for it."""
        if 0 < conf.settings().freshness.transfer_seconds < monotonic() - self.judged_at:
            self.purge_if_outdated()

    def _verdict(self) -> Verdict:
        server = client()
        if server is None:
            return Verdict.UNKNOWN
        try:
            stamps: Any = server.mget(sequence.watched_keys(self.tags, self.url))
        except UNAVAILABLE:
            return Verdict.UNKNOWN
        return sequence.verdict(stamps, self.since)


def watch(response: HttpResponseBase, url: str, tags: frozenset[str], since: int) -> None:
    """Once the response is sent, purge `url` if anything it shows was invalidated meanwhile.

    Not covered: tags added while the content of a stream is rendered, because their header left before it.
    """
    sent = Sent(url, tags, since)
    if not isinstance(response, StreamingHttpResponse):
        # Django's own list of what is called once the response is sent; its types don't name it.
        response.__dict__["_resource_closers"].append(sent.purge_if_late)
        return
    content: Any = response.streaming_content
    # Django tells the two kinds apart by the attribute that the setter derives from the iterator.
    response.streaming_content = _watched_async(content, sent) if response.is_async else _watched(content, sent)


def _watched(content: Iterable[bytes], sent: Sent) -> Iterator[bytes]:
    yield from content
    sent.purge_if_outdated()


async def _watched_async(content: Any, sent: Sent) -> AsyncIterator[bytes]:
    async for part in content:
        yield part
    await sync_to_async(sent.purge_if_outdated)()

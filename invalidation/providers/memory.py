"""The test double that ships: behaves like a cache of responses in this process, and fails when told to."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from invalidation.exceptions import DeliveryError, RejectedError, TransientError
from invalidation.providers.answers.reply import Reply
from invalidation.providers.base import Provider
from invalidation.providers.options import header_secret, read_options
from invalidation.targets.values import CacheKey


@dataclass
class MemoryCache:
    """What one node holds, what it was asked, and how it misbehaves."""

    responses: dict[str, frozenset[str]] = field(default_factory=dict)
    """Absolute URL → its tags."""

    keys: set[CacheKey] = field(default_factory=set)
    """Application cache entries."""

    calls: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    """Verb and arguments of every call, failed ones included."""

    trouble: DeliveryError | None = None
    """Raised by every call until it is taken away."""

    secret: str = ""
    """What the provider's SECRET must be."""

    answering: threading.Event = field(default_factory=threading.Event)
    """Cleared: calls hang until it is set or their timeout is over."""

    def __post_init__(self) -> None:
        self.answering.set()

    def store(self, url: str, *tags: str) -> None:
        """Hold a response."""
        self.responses[url] = frozenset(tags)

    def remove(self, is_stale: Callable[[str, frozenset[str]], bool]) -> int:
        """Drop the responses whose URL and tags satisfy the condition, and count them."""
        gone = [url for url, tags in self.responses.items() if is_stale(url, tags)]
        for url in gone:
            self.responses.pop(url, None)
        return len(gone)


class Memory(Provider):
    """One node of a cache in this process: `Memory.caches[node]`.

    Options: SECRET, TIMEOUT_SECONDS.
    """

    caches: ClassVar[defaultdict[str, MemoryCache]] = defaultdict(MemoryCache)
    """The nodes' contents by the node's name; `caches.clear()` between tests."""

    counts_copies: ClassVar[bool] = True
    supports_tags: bool = True
    supports_prefixes: bool = True
    supports_everything: bool = True
    max_urls_per_call: int = 100
    max_tags_per_call: int = 100
    max_prefixes_per_call: int = 100

    def __init__(self, tier: str, node: str, options: Mapping[str, Any]) -> None:
        super().__init__(tier, node, options)
        values = read_options(tier, options, optional={"SECRET": ""})
        self._secret = header_secret(tier, values["SECRET"]).decode()
        self._timeout_seconds = values["TIMEOUT_SECONDS"]

    def purge_urls(self, urls: Sequence[str]) -> Reply:
        """Remove the responses of these URLs."""
        cache = self._asked("purge_urls", *urls)
        return Reply(removed=cache.remove(lambda url, _: url in urls))

    def purge_tags(self, tags: Sequence[str]) -> Reply:
        """Remove the responses that carry one of these tags."""
        cache = self._asked("purge_tags", *tags)
        return Reply(removed=cache.remove(lambda _, held: not held.isdisjoint(tags)))

    def purge_prefixes(self, prefixes: Sequence[str]) -> Reply:
        """Remove the responses below these prefixes."""
        cache = self._asked("purge_prefixes", *prefixes)
        return Reply(removed=cache.remove(lambda url, _: url.startswith(tuple(prefixes))))

    def purge_keys(self, keys: Sequence[CacheKey]) -> Reply:
        """Remove these entries."""
        cache = self._asked("purge_keys", *keys)
        gone = cache.keys.intersection(keys)
        cache.keys -= gone
        return Reply(removed=len(gone))

    def purge_everything(self) -> Reply:
        """Remove all responses."""
        return Reply(removed=self._asked("purge_everything").remove(lambda *_: True))

    def _asked(self, verb: str, *arguments: Any) -> MemoryCache:
        cache = self.caches[self.node]
        cache.calls.append((verb, arguments))
        if not cache.answering.wait(self._timeout_seconds):
            raise TransientError(f"{self.node} did not answer within {self._timeout_seconds:g} seconds.")
        if cache.trouble is not None:
            raise cache.trouble
        if cache.secret != self._secret:
            raise RejectedError(f"{self.node} refused: check the secret.")
        return cache

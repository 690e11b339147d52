"""A chain of caches in this process that fill from one another, and a queue of announcements to lose or repeat."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from invalidation.models import Delivery
from invalidation.pipeline.delivery import deliver
from invalidation.providers.answers.reply import Reply
from invalidation.providers.base import Provider, Rate
from invalidation.signals import deliveries_ready, event_recorded
from invalidation.targets.values import CacheKey

SITE = "https://blog.example"
APPLICATION, LEFT, RIGHT, EDGE = "", "http://left", "http://right", "http://edge"


class Node:
    """One cache: URL → the version of the page it holds."""

    def __init__(self) -> None:
        self.copies: dict[str, int] = {}
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.purged_at = 0.0
        """When the last purge ended, by the monotonic clock."""
        self.before: list[Callable[[], object]] = []
        """Run and forgotten before the next calls do their work."""
        self.after: list[Callable[[], object]] = []
        """The same, after the work and before the answer."""
        self.trouble: Callable[[], object] | None = None
        """Run before every call until it is taken away."""


class Chain(Provider):
    """A provider over `Chain.nodes`, which can purge in every way."""

    nodes: ClassVar[dict[str, Node]] = {}
    quotas: ClassVar[tuple[Rate, ...]] = ()
    jobs: ClassVar[dict[str, bool]] = {}
    """External id → has the job ended? Empty: purges are proved at once."""

    plans: ClassVar[list[Callable[[], object]]] = []
    """Run and forgotten before the next plans are made."""

    supports_tags: bool = True
    supports_prefixes: bool = True
    supports_everything: bool = True
    max_urls_per_call: int = 2
    max_tags_per_call: int = 100

    def learn(self) -> None:
        _run(self.plans)

    def rates(self) -> Sequence[Rate]:
        return self.quotas

    def purge_urls(self, urls: Sequence[str]) -> Reply:
        return self._purge("purge_urls", urls, lambda url: url in urls)

    def purge_tags(self, tags: Sequence[str]) -> Reply:
        return self._purge("purge_tags", tags, lambda _: True)

    def purge_prefixes(self, prefixes: Sequence[str]) -> Reply:
        return self._purge("purge_prefixes", prefixes, lambda url: url.startswith(tuple(prefixes)))

    def purge_keys(self, keys: Sequence[CacheKey]) -> Reply:
        return self._purge("purge_keys", keys, lambda _: False)

    def purge_everything(self) -> Reply:
        return self._purge("purge_everything", (), lambda _: True)

    def _purge(self, verb: str, items: Sequence[Any], doomed: Callable[[str], bool]) -> Reply:
        node = self.nodes[self.node]
        node.calls.append((verb, tuple(items)))
        _run(node.before)
        if node.trouble:
            node.trouble()
        gone = [url for url in node.copies if doomed(url)]
        for url in gone:
            del node.copies[url]
        node.purged_at = time.monotonic()
        _run(node.after)
        return Reply(removed=len(gone), raw="200 Purged")


class Vendor(Chain):
    """Accepts jobs that end later."""

    max_urls_per_call: int = 2
    costs_money: ClassVar[bool] = True
    poll_seconds: ClassVar[float] = 7.0

    def purge_urls(self, urls: Sequence[str]) -> Reply:
        super().purge_urls(urls)
        name = f"job-{len(self.jobs) + 1}"
        self.jobs[name] = False
        return Reply(accepted=True, external_id=name)

    def poll(self, external_id: str) -> Reply:
        _run(self.nodes[self.node].before)
        return Reply(accepted=not self.jobs[external_id], external_id=external_id)


class BusyVendor(Vendor):
    """Runs many of them at once."""

    jobs_at_once: bool = True


class Free(Chain):
    """Application values: no URLs."""

    holds_responses: ClassVar[bool] = False


def _run(hooks: list[Callable[[], object]]) -> None:
    while hooks:
        hooks.pop(0)()


def fails(error: BaseException) -> Callable[[], object]:
    """A trouble that raises."""

    def trouble() -> object:
        raise error

    return trouble


class Queue:
    """What was announced, in order. Nothing runs until a test takes it out."""

    def __init__(self) -> None:
        self.drains = 0
        self.deliveries: list[int] = []
        self.waits: list[float] = []
        self.on_announcement: list[Callable[[], object]] = []

    def connect(self) -> None:
        event_recorded.connect(self._event)
        deliveries_ready.connect(self._deliveries)

    def disconnect(self) -> None:
        event_recorded.disconnect(self._event)
        deliveries_ready.disconnect(self._deliveries)

    def _event(self, **_: Any) -> None:
        self.drains += 1

    def _deliveries(self, *, deliveries: list[Delivery], wait_seconds: float, **_: Any) -> None:
        _run(self.on_announcement)
        self.deliveries += [delivery.pk for delivery in deliveries]
        self.waits.append(wait_seconds)

    def run(self) -> list[Delivery]:
        """Deliver what is announced, and what that announces, in order; returns what a worker got to do."""
        done = []
        while self.deliveries:
            if delivery := deliver.deliver("default", self.deliveries.pop(0)):
                done.append(delivery)
        return done

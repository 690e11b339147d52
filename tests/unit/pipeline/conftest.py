"""An application cache, two inner nodes and an outer one, in this process; announcements wait in a queue."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_django import Settings

from invalidation.models import Batch, Event
from invalidation.pipeline.intake import backpressure, drain
from invalidation.targets.values import Targets
from tests.fixtures.grouped import grouped
from tests.unit.pipeline.chain import APPLICATION, EDGE, LEFT, RIGHT, SITE, Chain, Node, Queue

PROVIDER = "tests.unit.pipeline.chain.Chain"


def declared(**values: Any) -> dict[str, Any]:
    """INVALIDATION for the chain."""
    return grouped(
        {
            "TIERS": {
                "application": {"PROVIDER": PROVIDER},
                "inner": {"PROVIDER": PROVIDER, "FILLS_FROM": ["application"], "NODES": [LEFT, RIGHT]},
                "edge": {"PROVIDER": PROVIDER, "FILLS_FROM": ["inner"], "NODES": [EDGE]},
            },
            "SITES": [SITE],
            "LINGER_MILLISECONDS": 0,
            "TRANSFER_SECONDS": 0,  # nothing is purged again for what is on its way, unless a test wants it
            "BACKOFF_BASE_SECONDS": 1000,  # a retry comes when a test lets an hour pass, and not before
            **values,
        }
    )


@pytest.fixture(autouse=True)
def _chain(settings: Settings) -> Iterator[None]:
    settings.INVALIDATION = declared()
    Chain.nodes.clear()
    Chain.nodes.update({name: Node() for name in (APPLICATION, LEFT, RIGHT, EDGE)})
    Chain.jobs.clear()
    Chain.plans.clear()
    Chain.quotas = ()
    backpressure.backlogs.counted.clear()
    drain.pace.batches = 0
    yield
    Chain.quotas = ()


@pytest.fixture
def queue() -> Iterator[Queue]:
    queue = Queue()
    queue.connect()
    yield queue
    queue.disconnect()


Dirty = Callable[..., Event]


@pytest.fixture
def dirty(db: None) -> Dirty:
    """Store a pending event for these URLs."""

    def store(*urls: str, lane: str = "editorial", **targets: Any) -> Event:
        document = Targets.of(urls=urls or (() if targets else ("/a/",)), **targets).document()
        return Event.objects.create(source="code", lane=lane, targets=document)

    return store


Purge = Callable[..., Batch]


@pytest.fixture
def purge(dirty: Dirty, queue: Queue) -> Purge:
    """Store an event and drain it; its deliveries are announced, not run."""

    def start(*urls: str, **targets: Any) -> Batch:
        dirty(*urls, **targets)
        return Batch.objects.get(pk=drain.drain().batches[-1])

    return start

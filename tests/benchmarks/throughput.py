"""B3: a backlog through the whole pipeline, to a tier in this process's memory: claim, merge, plan, deliver, settle."""

from __future__ import annotations

import time
from collections.abc import Iterator

from tests.benchmarks.django_site import django_site
from tests.benchmarks.figures import Aim, Figure

EVENTS = 20_000
#: Of a hundred events, so many are about a page that another event is about as well.
DUPLICATES = (0, 90, 99)
TIERS = {"memory": {"PROVIDER": "invalidation.providers.memory.Memory", "NODES": ["http://memory"]}}


def figures() -> Iterator[Figure]:
    """At each share of duplicates."""
    with django_site():
        from django.conf import settings

        settings.INVALIDATION |= {"TIERS": TIERS, "SITES": ["https://blog.example"]}
        for duplicates in DUPLICATES:
            pages = max(1, EVENTS * (100 - duplicates) // 100)
            aim = Aim("≥", 20_000) if duplicates == 90 else None
            yield Figure(
                "B3", f"events through the pipeline, {duplicates} % duplicates", rate(pages), "a second", aim=aim
            )


def rate(pages: int, events: int = EVENTS) -> float:
    """Events a second of one process."""
    from invalidation.models import Event
    from invalidation.pipeline import drain
    from invalidation.providers.memory import Memory
    from tests.benchmarks.rows import pending
    from tests.pipeline.chain import Queue

    pending(events, pages)
    queue = Queue()
    queue.connect()
    started = time.perf_counter()
    while drain.drain(limit_batches=1).events:
        queue.run()
        Memory.caches.clear()
    taken = time.perf_counter() - started
    queue.disconnect()
    assert not Event.objects.exclude(status="done").exists()
    return events / taken

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
    """Events a second of one process that drains as a worker does."""
    from invalidation.models import Event
    from invalidation.pipeline.intake import drain
    from invalidation.providers.memory import Memory
    from tests.benchmarks.rows import pending

    pending(events, pages)
    started = time.perf_counter()
    while drain.drain(inline_tiers=TIERS).events:
        Memory.caches.clear()
    taken = time.perf_counter() - started
    assert not Event.objects.exclude(status="done").exists()
    return events / taken

"""What grows with what, in one process: nodes, tiers, targets, addresses a tag, tags a page, pending events."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory, override_settings

from invalidation import middleware
from invalidation.freshness import clients, index
from invalidation.http.tags import add_cache_tags
from invalidation.models import Event
from invalidation.pipeline.intake import drain
from invalidation.providers.memory import Memory
from invalidation.targets.values import Targets
from tests.benchmarks.rows import pending
from tests.unit.pipeline.chain import Queue

SITE = "https://blog.example"
MEMORY = "invalidation.providers.memory.Memory"
#: An event is measured so often, and no more once it has taken so long in all.
TIMES, ENOUGH_SECONDS = 5, 2.0
#: Addresses of one tag that the index keeps here, so that it doesn't end the curve.
MOST_ADDRESSES = 200_000


class Addresses(Memory):
    """A tier that must be told each address of a tag, such as Nginx."""

    supports_tags: ClassVar[bool] = False  # type: ignore[misc]


def tier(nodes: int = 1, fills_from: str = "", provider: str = MEMORY) -> dict[str, Any]:
    """One entry of TIERS."""
    names = [f"http://node-{fills_from}-{number}" for number in range(nodes)]
    return {"PROVIDER": provider, "NODES": names, "FILLS_FROM": [fills_from] if fills_from else []}


@contextmanager
def tiers(declared: dict[str, Any]) -> Iterator[None]:
    """The site has these."""
    base = {"SITES": [SITE], "REDIS_URL": settings.INVALIDATION["REDIS_URL"]}
    limits = {"BACKLOG": {"LINGER_MILLISECONDS": 0}, "INDEX": {"MAX_URLS_PER_TAG": MOST_ADDRESSES}}
    with override_settings(INVALIDATION={**base, **limits, "TIERS": declared}):
        yield
    Memory.caches.clear()


def run() -> float:
    """Seconds in which this process drains and delivers everything that is pending."""
    queue = Queue()
    queue.connect()
    started = time.perf_counter()
    while drain.drain(limit_batches=1).events:
        queue.run()
        Memory.caches.clear()
    taken = time.perf_counter() - started
    queue.disconnect()
    assert not Event.objects.exclude(status="done").exists()
    return taken


def event(**targets: Any) -> float:
    """Milliseconds of one event from its claim to its end; the best of some."""
    taken: list[float] = []
    while len(taken) < TIMES and sum(taken) < ENOUGH_SECONDS:
        Event.objects.create(source="code", targets=Targets.of(**targets).document())
        taken.append(run())
    return 1000 * min(taken)


def of_nodes(number: int) -> float:
    """One tag, one tier of so many nodes."""
    with tiers({"memory": tier(number)}):
        return event(tags=["a"])


def of_tiers(number: int) -> float:
    """One tag, so many tiers, each filling from the one before."""
    names = [f"tier{n}" for n in range(number)]
    with tiers({name: tier(fills_from=names[n - 1] if n else "") for n, name in enumerate(names)}):
        return event(tags=["a"])


def of_targets(number: int) -> float:
    """So many addresses in one event."""
    with tiers({"memory": tier()}):
        return event(urls=[f"/blog/{n}/" for n in range(number)])


def of_addresses(number: int) -> float:
    """One tag that so many addresses carry, at a tier that knows no tags."""
    client = clients.client()
    assert client
    tag = f"carried:{number}"
    for start in range(0, number, 1000):
        pipeline = client.pipeline(transaction=False)
        for n in range(start, min(start + 1000, number)):
            index.register(pipeline, f"{SITE}/blog/{number}/{n}/", [tag], 3600)
        pipeline.execute()
    with tiers({"memory": tier(provider="tests.benchmarks.growing.Addresses")}):
        return event(tags=[tag])


def of_tags(number: int) -> float:
    """A page with so many tags, through the middleware that guards and records it."""

    def view(request: HttpRequest) -> HttpResponse:
        add_cache_tags(request, *(f"app.model:{n}" for n in range(number)))
        return HttpResponse("x", headers={"Cache-Control": "public, s-maxage=60"})

    with tiers({"memory": tier()}):
        serve: Callable[[HttpRequest], Any] = middleware.CacheTagMiddleware(view)
        taken = []
        for n in range(50):
            request = RequestFactory().get(f"/page/{n}/")
            started = time.perf_counter()
            serve(request)
            taken.append(time.perf_counter() - started)
    return 1000 * sorted(taken)[len(taken) // 2]


def of_pending(number: int) -> float:
    """So many events, each about another page, until all are done."""
    with tiers({"memory": tier()}):
        pending(number, number)
        return 1000 * run()

"""One, two and four worker processes on the shipped stack: events a second until all are purged everywhere."""

from __future__ import annotations

from collections.abc import Iterator

from tests.benchmarks.figures import Figure
from tests.benchmarks.site import Site, site

WORKERS = (1, 2, 4)
EVENTS = 5_000
SECONDS = "SELECT extract(epoch FROM max(completed_at) - min(claimed_at)) FROM invalidation_event"


def figures(events: int = EVENTS) -> Iterator[Figure]:
    """Each number of workers with a stack of its own; the same events, each about another page."""
    alone: float | None = None
    for workers in WORKERS:
        with site(workers=workers) as running:
            found, used = rate(running, events)
        alone = alone or found
        what = f"{events:,} events to Redis, Varnish and Nginx, {workers} worker processes"
        yield Figure("workers", what, found, "a second", alone, "one process")
        for server, seconds in used.items():
            yield Figure("workers", f"{what}: processor time of {server}", 1e6 * seconds / events, "µs an event")


def rate(running: Site, events: int) -> tuple[float, dict[str, float]]:
    """From the first claim to the end of the last; and processor seconds of each server, second purges included."""
    running.wait_until_idle()
    before = running.used()
    running.run("tests.benchmarks.rows", str(events), "editorial")
    running.wait_until_idle()
    used = {server: seconds - before[server] for server, seconds in running.used().items()}
    return events / running.number(SECONDS), used

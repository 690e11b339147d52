"""Commit to Nginx purged for an editor's save, and for a takedown, while a million bulk events wait."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from tests.benchmarks.figures import Aim, Figure
from tests.benchmarks.latency import purged_at
from tests.benchmarks.site import Site, site

EVENTS = 1_000_000
RATE, SAVES = 5.0, 100
LANES = {"ours": "editorial", "takedown": "takedown"}


def p99(running: Site, kind: str) -> float:
    """Milliseconds; a save whose purge was not seen counts as the longest wait for it."""
    committed = running.told("saver", kind, RATE, SAVES)
    purged = purged_at(running, committed)
    longest = max(committed.values()) + int(120e9)
    lags = [(purged.get(path, longest) - at) / 1e6 for path, at in committed.items()]
    return statistics.quantiles(lags, n=100, method="inclusive")[98]


def figures(events: int = EVENTS) -> Iterator[Figure]:
    """Each lane alone, then behind the bulk events."""
    with site() as running:
        alone = {kind: p99(running, kind) for kind in LANES}
        running.wait_until_idle()
        running.run("tests.benchmarks.rows", str(events), "bulk")
        for kind, lane in LANES.items():
            what = f"{lane} lane behind {events:,} bulk events: commit to purged, p99"
            yield Figure("behind", what, p99(running, kind), "ms", alone[kind], "nothing waits", Aim("≤", 500))
        yield Figure(
            "behind",
            "bulk events still pending after that",
            running.number("SELECT count(*) FROM invalidation_event WHERE status = 'pending'"),
            "events",
            events,
            "stored",
        )

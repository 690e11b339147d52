"""B12: one tag to every node of a tier, from commit to the last, and what one slow node does to the others."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from deploy.local.processes import ServiceFailed, wait_for
from tests.benchmarks.figures import Aim, Figure
from tests.benchmarks.fleet import Fleet
from tests.benchmarks.site import Site, site

#: Nodes, and within how many milliseconds the last of them should be purged.
SIZES = {5: None, 20: None, 50: None, 100: 150.0, 1000: 1500.0}
ROUNDS = 10
BETWEEN_SECONDS = 1.0
#: After the last commit; a node that is purged later counts with this.
PATIENCE_SECONDS = 20.0
SLOW_SECONDS = 1.0
SLOW_AMONG = 20


@dataclass(frozen=True, slots=True)
class Spread:
    """How long it took to all nodes, in milliseconds."""

    last: float
    """Median over the rounds of the last node's."""

    p99: float
    """Of every node but the first, which may be a slow one."""


def spread(nodes: int, slow_seconds: float = 0.0, rounds: int = ROUNDS) -> Spread:
    """Measure with a stack of its own; PATIENCE_SECONDS for what was not purged in time."""
    with Fleet(nodes, slow_seconds) as fleet, site(nodes=fleet.urls) as running:
        running.told("invalidator", 1, 2)  # connections and imports
        running.wait_until_idle()
        return _measured(running, fleet, rounds)


def _measured(running: Site, fleet: Fleet, rounds: int) -> Spread:
    committed = running.told("invalidator", rounds, BETWEEN_SECONDS)
    wanted = [(address, tag) for tag in committed for address in fleet.addresses]
    with suppress(ServiceFailed):
        wait_for(lambda: all(one in fleet.purged for one in wanted), PATIENCE_SECONDS, "every node to be purged")
    lags = {tag: [_lag(fleet, address, tag, at) for address in fleet.addresses] for tag, at in committed.items()}
    others = [lag for all_nodes in lags.values() for lag in all_nodes[1:]]
    return Spread(statistics.median(max(all_nodes) for all_nodes in lags.values()), _p99(others))


def _lag(fleet: Fleet, address: str, tag: str, committed: int) -> float:
    purged = fleet.purged.get((address, tag))
    return (purged - committed) / 1e6 if purged else 1000 * PATIENCE_SECONDS


def _p99(lags: Sequence[float]) -> float:
    return statistics.quantiles(lags, n=100, method="inclusive")[98]


def figures() -> Iterator[Figure]:
    """Until one size takes too long; the larger ones would take longer."""
    for nodes, most in SIZES.items():
        found = spread(nodes, rounds=ROUNDS if nodes <= 100 else 3)
        aim = Aim("≤", most) if most else None
        yield Figure("B12", f"one tag to {nodes} nodes, commit to the last, p50", found.last, "ms", aim=aim)
        if found.last >= 1000 * PATIENCE_SECONDS:
            break
    quick, slow = spread(SLOW_AMONG), spread(SLOW_AMONG, SLOW_SECONDS)
    what = f"the other {SLOW_AMONG - 1} of {SLOW_AMONG} nodes while one takes a second, p99"
    yield Figure("B12", what, slow.p99, "ms", quick.p99, "no slow node", Aim("≤", 1.05, "ratio"))

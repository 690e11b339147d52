"""From a commit to Nginx having purged the post's page, ours and the naive way: `python -m tests.benchmarks.latency`.

One process saves posts in turn at a fixed rate, by the clock; one worker of the Procfile does the rest.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from deploy.local.processes import ServiceFailed, wait_for
from tests.benchmarks.figures import Aim, Figure
from tests.benchmarks.processor import processor_seconds
from tests.benchmarks.site import Site, site

#: Saves a second, and the p50 and p99 that are aimed at, in milliseconds.
AIMS = {1: (10, 25), 10: (10, 25), 30: (12, 40), 50: (15, 60), 200: (100, 400)}
NAIVE = "naive task"
#: How long the highest rate is kept up, and by how many milliseconds a second the lag may grow in that time.
HIGHEST_SECONDS, MOST_GROWTH = 120, 1
PROFILED_RATE = 30
#: After the last save; what is purged later counts as not purged.
PATIENCE_SECONDS = 120
#: Before anything is measured, of each kind: a worker's first messages import and connect, which no later one does.
WARM_UP_SAVES, WARM_UP_RATE = 20, 10
IDLE_SAMPLE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Lag:
    """What one rate came to."""

    kind: str
    rate: float
    saves: int
    milliseconds: list[float]
    """From each commit to the purge, in the order of the commits; saves that were not purged in time are missing."""

    growth: float
    """By how many milliseconds the lag grows in a second."""

    achieved_rate: float
    processor_milliseconds: float
    """Of the worker for each save, rebounds included, without what it uses idle."""

    def quantile(self, percent: int) -> float:
        """Milliseconds within which so many of a hundred were purged."""
        return statistics.quantiles(self.milliseconds, n=100, method="inclusive")[percent - 1]

    @property
    def missing(self) -> int:
        """Saves whose purge was not seen."""
        return self.saves - len(self.milliseconds)

    def __str__(self) -> str:
        unseen = f", {self.missing} NOT PURGED" if self.missing else ""
        return (
            f"{self.kind:6} {self.rate:5g}/s  p50 {self.quantile(50):8.1f} ms  p99 {self.quantile(99):8.1f} ms  "
            f"grows {self.growth:7.1f} ms/s  worker {self.processor_milliseconds:6.2f} ms a save  "
            f"({self.saves} saves at {self.achieved_rate:.1f}/s{unseen})"
        )


def measured(running: Site, kind: str, rate: float, saves: int) -> Lag:
    """Save at this rate, and wait for the purges."""
    running.wait_until_idle()
    idle = _idle_share(running)
    started, used = time.monotonic(), processor_seconds(running.stack.worker.pid)
    committed = running.told("saver", kind, rate, saves)
    purged = purged_at(running, committed)
    running.wait_until_idle()
    used = processor_seconds(running.stack.worker.pid) - used - idle * (time.monotonic() - started)
    moments = [(at, (purged[path] - at) / 1e6) for path, at in committed.items() if path in purged]
    return Lag(
        kind,
        rate,
        saves,
        [lag for _, lag in moments],
        _growth(moments),
        (saves - 1) * 1e9 / (max(committed.values()) - min(committed.values())),
        1000 * used / saves,
    )


def _idle_share(running: Site) -> float:
    """Of a processor, what the worker uses for looking whether there is anything to do."""
    used = processor_seconds(running.stack.worker.pid)
    time.sleep(IDLE_SAMPLE_SECONDS)
    return (processor_seconds(running.stack.worker.pid) - used) / IDLE_SAMPLE_SECONDS


def purged_at(running: Site, committed: dict[str, int]) -> dict[str, int]:
    """When each path was purged, of those that were in time."""

    def found() -> dict[str, int]:
        times = {path: running.log.first_since(path, at) for path, at in committed.items()}
        return {path: at for path, at in times.items() if at is not None}

    try:
        wait_for(lambda: len(found()) == len(committed), PATIENCE_SECONDS, "every page to be purged")
    except ServiceFailed as failure:
        sys.stderr.write(f"{failure}\n")
    return found()


def _growth(moments: list[tuple[int, float]]) -> float:
    if len(moments) < 2:
        return 0.0
    return statistics.linear_regression([at / 1e9 for at, _ in moments], [lag for _, lag in moments]).slope


def warm_up(running: Site, kinds: Iterable[str]) -> None:
    """Let the saver and the worker do once what they do only once."""
    for kind in kinds:
        measured(running, kind, WARM_UP_RATE, WARM_UP_SAVES)


def compared(running: Site, rates: list[float], saves: int, seconds: float, kinds: list[str]) -> Iterator[Lag]:
    """Each rate, ours and naive in turn; at least `saves`, and for at least so many seconds."""
    warm_up(running, kinds)
    for rate in rates:
        for kind in kinds:
            yield measured(running, kind, rate, max(saves, int(rate * seconds)))


def figures() -> Iterator[Figure]:
    """Ours at each rate beside the naive way; few saves where each takes a second, two minutes of the highest rate."""
    highest = max(AIMS)
    with site() as running:
        warm_up(running, ("ours", "naive"))
        for rate, (p50, p99) in AIMS.items():
            saves = max(30, rate * 10)
            ours = measured(running, "ours", rate, rate * HIGHEST_SECONDS if rate == highest else saves)
            yield from _beside(ours, measured(running, "naive", rate, saves), p50, p99)


def _beside(ours: Lag, naive: Lag, p50: float, p99: float) -> Iterator[Figure]:
    where = f"{ours.rate:g} saves a second"
    for percent, most in ((50, p50), (99, p99)):
        what, baseline = f"{where}: commit to Nginx purged, p{percent}", naive.quantile(percent)
        yield Figure("latency", what, ours.quantile(percent), "ms", baseline, NAIVE, Aim("≤", most))
    grows = Aim("≤", MOST_GROWTH) if ours.rate == max(AIMS) else None
    yield Figure("latency", f"{where}: growth of that lag", ours.growth, "ms a second", naive.growth, NAIVE, grows)
    used, baseline = ours.processor_milliseconds, naive.processor_milliseconds
    aim = Aim("≤", 2) if ours.rate == PROFILED_RATE else None
    yield Figure("latency", f"{where}: worker's processor time a save", used, "ms", baseline, NAIVE, aim)
    yield Figure("latency", f"{where}: committed", ours.achieved_rate, "a second", naive.achieved_rate, NAIVE)
    yield Figure("latency", f"{where}: not purged", ours.missing, "saves", naive.missing, NAIVE, Aim("≤", 0))


def main() -> int:
    """Print a line for each rate and kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", default=",".join(map(str, AIMS)), help="saves a second")
    parser.add_argument("--saves", type=int, default=200, help="at each rate")
    parser.add_argument("--seconds", type=float, default=10.0, help="at the least, at each rate")
    parser.add_argument("--kinds", default="ours,naive")
    parser.add_argument("--sqlite", action="store_true", help="instead of PostgreSQL")
    options = parser.parse_args()
    rates = [float(rate) for rate in options.rates.split(",")]
    with site(synced=not options.sqlite) as running:
        for lag in compared(running, rates, options.saves, options.seconds, options.kinds.split(",")):
            sys.stdout.write(f"{lag}\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())

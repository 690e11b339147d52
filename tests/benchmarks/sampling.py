"""Times reads in turn, so that what else the machine does falls on all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping


def medians(reads: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Microseconds of each."""
    samples: dict[str, list[float]] = {name: [] for name in reads}
    for _ in range(rounds):
        for name, read in reads.items():
            started = time.perf_counter()
            read()
            samples[name].append(time.perf_counter() - started)
    return {name: statistics.median(taken) * 1e6 for name, taken in samples.items()}

"""The metrics of a whole process group, for whoever serves them."""

from __future__ import annotations

import os

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector

from invalidation.contrib.prometheus.state import State

#: Names the folder in which the processes behind one address keep what they count.
SHARED = "PROMETHEUS_MULTIPROC_DIR"


def registry() -> CollectorRegistry:
    """This process' own, or, where several share a folder, what all of them have counted; the state in either case."""
    if not os.environ.get(SHARED):
        return REGISTRY
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]  # the library has no types here
    together.register(State())
    return together

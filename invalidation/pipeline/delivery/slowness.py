"""Which nodes are slow, so that no batch waits for them: by what they take to answer, not by what it takes to ask."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from invalidation.targets.values import CachePlace

#: A node that takes longer is asked by deliveries of its own, until one of them is answered faster.
SLOW_SECONDS = 0.2
SLOW_FOR_SECONDS = 60.0
MANY_CALLS = 20


@dataclass(slots=True)
class Slowness:
    """What this process knows of the nodes that it asks; readings are of the monotonic clock."""

    until: dict[CachePlace, float] = field(default_factory=dict)
    """When it will have forgotten that a node was slow."""

    due: dict[CachePlace, float] = field(default_factory=dict)
    """When a node that is being asked will be slow: of several calls under way, the last."""

    @contextmanager
    def asked(self, place: CachePlace, calls: int) -> Iterator[None]:
        """Within, the node is asked so many calls at once; remembers whether it was slow, however it ended."""
        started = time.monotonic()
        due = self.due[place] = started + allowed_seconds(calls)
        try:
            yield
        finally:
            if self.due.get(place) == due:
                self.due.pop(place, None)
            self.note(place, time.monotonic() - started, calls)

    def note(self, place: CachePlace, seconds: float, calls: int = 0) -> None:
        """Remember how long a node took for so many calls."""
        if seconds > allowed_seconds(calls):
            self.until[place] = time.monotonic() + SLOW_FOR_SECONDS
        else:
            self.until.pop(place, None)

    def holds(self, place: CachePlace) -> bool:
        """Was the node slow the last time, or is it now?"""
        if not self.until and not self.due:
            return False
        now = time.monotonic()
        return self.until.get(place, 0.0) > now or self.due.get(place, now) < now

    def forget(self) -> None:
        """Of no node it is known any more."""
        self.until.clear()
        self.due.clear()


def allowed_seconds(calls: int) -> float:
    """What so many calls may take; more may take longer."""
    return SLOW_SECONDS * (1 + calls / MANY_CALLS)


slowness = Slowness()

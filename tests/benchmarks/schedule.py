"""The stale-set race, run at every point: one reader and one writer whose steps a seeded chance interleaves.

Imports nothing, so that it can be run against any library.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass
class Schedule:
    """Lets the writer take its next steps, or not, whenever the reader reaches a point."""

    chance: random.Random
    pending: Iterator[Callable[[], object]] = field(default_factory=lambda: iter(()))
    is_writing: bool = False

    def point(self) -> None:
        """The reader is about to do something that others may see, or has just done it."""
        while not self.is_writing and self.chance.random() < 0.3:
            if not self._step():
                return

    def _step(self) -> bool:
        step = next(self.pending, None)
        if step is None:
            return False
        self.is_writing = True
        try:
            step()
        finally:
            self.is_writing = False
        return True

    def finish(self) -> None:
        """The writer does what it has not done yet."""
        while self._step():
            pass


def stale_reads(
    rounds: int,
    schedule: Schedule,
    read: Callable[[], object],
    steps: Callable[[int], Iterator[Callable[[], object]]],
) -> int:
    """In how many rounds the reader still sees the old value when reader and writer are done.

    `steps(number)` gives the writer's steps: to commit the value `number`, to invalidate, in the library's own order.
    """
    stale = 0
    for number in range(2, 2 * rounds + 2, 2):
        schedule.pending = steps(number - 1)
        schedule.finish()  # the cache is cold, so that the reader computes
        schedule.pending = steps(number)
        read()
        schedule.finish()
        stale += read() != number
    return stale

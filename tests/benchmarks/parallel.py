"""The stale-set race between processes that run at the same time: a writer, and readers with random pauses.

Imports nothing beyond the standard library, so that it can be run against any library.
"""

from __future__ import annotations

import multiprocessing
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

FORK = multiprocessing.get_context("fork")
#: After this long a process that others wait for is taken for dead.
PATIENCE_SECONDS = 60.0
#: A reader starts within the first of its pauses, and stores its value within the second.
LONGEST_PAUSE_SECONDS = 0.001
#: Most rounds, as a multiple of those asked for, until enough readers have met the writer.
MOST_TIMES = 20

#: Calls what it is given whenever it has asked the database, and before it stores the answer.
Read = Callable[[Callable[[], None]], object]
#: Commits a number and invalidates, in the library's own order.
Write = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of so many races, those in which a reader got the old value, and those that left it in the cache."""

    rounds: int
    raced: int
    stale: int


class Race:
    """One writer, here, and its readers, each a process of its own. Fork before anything is connected.

    It ends after `rounds`, or later where fewer than `least_raced` readers have met the writer by then: who meets whom
    is up to the machine and what else it does.
    """

    def __init__(
        self,
        rounds: int,
        read: Read,
        write: Write,
        *,
        readers: int = 2,
        in_order: bool = False,
        least_raced: int = 0,
    ) -> None:
        self.rounds, self.read, self.write, self.readers, self.in_order = rounds, read, write, readers, in_order
        self.least_raced, self.most_rounds = least_raced, rounds * (MOST_TIMES if least_raced else 1)
        self.together = FORK.Barrier(readers + 1, timeout=PATIENCE_SECONDS)
        self.computed, self.written = FORK.Event(), FORK.Event()
        self.raced, self.stale = FORK.Array("b", self.most_rounds), FORK.Array("b", self.most_rounds)
        self.is_over = FORK.Event()

    def run(self, seed: int = 1) -> Outcome:
        """The races, one after the other, each from an empty cache.

        Raises:
            BrokenBarrierError: a reader failed; it has printed why.
        """
        chance = random.Random(seed)
        seeds = [chance.random() for _ in range(self.readers)]
        readers = [FORK.Process(target=self._reader, args=(random.Random(one),), daemon=True) for one in seeds]
        for process in readers:
            process.start()
        try:
            self._writer(chance)
        finally:
            for process in readers:
                process.join(timeout=1)
                process.kill()
        return Outcome(self.made, sum(self.raced[:]), sum(self.stale[:]))

    def _writer(self, chance: random.Random) -> None:
        for number in range(self.most_rounds):
            self.computed.clear()
            self.written.clear()
            self.write(2 * number + 1)
            self.together.wait()
            self._await_computed() if self.in_order else _pause(chance, 2 * LONGEST_PAUSE_SECONDS)
            self.write(2 * number + 2)
            self.written.set()
            self.together.wait()
            self.made = number + 1
            if self.made >= self.rounds and sum(self.raced[:]) >= self.least_raced:
                self.is_over.set()
            self.together.wait()  # while the readers look at what is left
            if self.is_over.is_set():
                return

    def _reader(self, chance: random.Random) -> None:
        pause = self._await_written if self.in_order else lambda: _pause(chance)
        for number in range(self.most_rounds):
            self.together.wait()
            if not self.in_order:
                _pause(chance)
            self._note(self.raced, number, self.read(pause) == 2 * number + 1)
            self.together.wait()
            self._note(self.stale, number, self.read(_nothing) != 2 * number + 2)
            self.together.wait()
            if self.is_over.is_set():
                return

    @staticmethod
    def _note(rounds: Any, number: int, happened: bool) -> None:
        """Only ever sets: another reader may do so at the same time."""
        if happened:
            rounds[number] = 1

    def _await_computed(self) -> None:
        if not self.computed.wait(PATIENCE_SECONDS):
            raise TimeoutError("No reader asked the database.")

    def _await_written(self) -> None:
        """The reader has the old value, and waits with it until the writer is done."""
        self.computed.set()
        self.written.wait(PATIENCE_SECONDS)


def _pause(chance: random.Random, longest_seconds: float = LONGEST_PAUSE_SECONDS) -> None:
    time.sleep(chance.uniform(0, longest_seconds))


def _nothing() -> None:
    """The look after a race is not disturbed."""

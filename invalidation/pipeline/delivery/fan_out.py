"""Runs what has to be asked of many nodes side by side, and goes on without those that are slow."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from django.db import connections

from invalidation.models import Delivery
from invalidation.pipeline.transitions import Outcome

#: Nodes asked at once; a helper that is held up by a slow node is replaced, up to so many threads.
HELPERS = 8
MAX_THREADS = 256
#: A crew of which nobody has ended anything for this long goes on without those that are left.
PATIENCE_SECONDS = 0.25
#: A node that took longer is asked by deliveries of its own, until one of them was answered faster.
SLOW_SECONDS = 0.2
SLOW_FOR_SECONDS = 60.0
MANY_CALLS = 20

pool = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="invalidation-crew")


class Job:
    """One node's part, done by a helper. It may end after everybody else has gone on."""

    def __init__(self, delivery: Delivery, work: Callable[[], Outcome]) -> None:
        """`delivery` names the node, and counts the calls that `work` makes."""
        self.delivery = delivery
        self.place = delivery.tier, delivery.node
        self.milliseconds = 0.0
        self.outcome: Outcome | None = None
        self._work = work
        self._error: BaseException | None = None
        self._lock = threading.Lock()
        self._late: Callable[[Job], None] | None = None

    @property
    def ended(self) -> bool:
        """Is there an outcome, or an error?"""
        return self.outcome is not None or self._error is not None

    def run(self) -> None:
        """Do the work; tell who was promised to be told."""
        started = time.perf_counter()
        outcome, error = None, None
        try:
            outcome = self._work()
        except BaseException as raised:  # noqa: BLE001 (raised again by `result` in the thread that waits for it)
            error = raised
        seconds = time.perf_counter() - started
        slowness.note(self.place, seconds, self.delivery.calls)
        with self._lock:
            self.milliseconds, self.outcome, self._error = 1000 * seconds, outcome, error
            late = self._late
        if late:
            late(self)
            connections.close_all()  # this thread's, which nobody else would ever close

    def result(self) -> Outcome | None:
        """The outcome, None while it is still at work; raises what the work raised."""
        if self._error:
            raise self._error
        return self.outcome

    def when_late(self, call: Callable[[Job], None]) -> None:
        """Call this when the job ends, or now if it has ended meanwhile."""
        with self._lock:
            self._late = call
            ended = self.ended
        if ended:
            call(self)


@dataclass(slots=True)
class Slowness:
    """Nodes that were slow the last time, by when this process will have forgotten it."""

    until: dict[tuple[str, str], float] = field(default_factory=dict)

    def note(self, place: tuple[str, str], seconds: float, calls: int = 0) -> None:
        """Remember how long a node took for so many calls; more calls may take longer."""
        if seconds > SLOW_SECONDS * (1 + calls / MANY_CALLS):
            self.until[place] = time.monotonic() + SLOW_FOR_SECONDS
        else:
            self.until.pop(place, None)

    def holds(self, place: tuple[str, str]) -> bool:
        """Was the node slow the last time?"""
        return bool(self.until) and self.until.get(place, 0.0) > time.monotonic()


slowness = Slowness()


def work(jobs: Sequence[Job]) -> None:
    """Run the jobs until all have ended, or only those are left that nobody should wait for."""
    waiting, ended = deque(jobs), SimpleQueue[Job]()
    left = len(jobs)
    _help(waiting, ended)
    while left:
        try:
            ended.get(timeout=PATIENCE_SECONDS)
            left -= 1
        except Empty:
            if not waiting:
                break
            _help(waiting, ended)
    for job in jobs:
        if not job.ended:
            slowness.note(job.place, PATIENCE_SECONDS)


def _help(waiting: deque[Job], ended: SimpleQueue[Job]) -> None:
    for _ in range(min(HELPERS, len(waiting))):
        pool.submit(_work_off, waiting, ended)


def _work_off(waiting: deque[Job], ended: SimpleQueue[Job]) -> None:
    while waiting:
        try:
            job = waiting.popleft()
        except IndexError:
            return
        job.run()
        ended.put(job)

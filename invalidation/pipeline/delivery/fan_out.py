"""Runs what has to be asked of many nodes side by side, and goes on without those that are slow."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue

from django.db import connections

from invalidation.pipeline.delivery.slowness import slowness
from invalidation.pipeline.outcome import Outcome
from invalidation.targets.values import CachePlace

#: Nodes asked at once; a helper that is held up by a slow node is replaced, up to so many threads.
HELPERS = 8
MAX_THREADS = 256
#: A crew of which nobody has ended anything for this long goes on without nodes that are slow to answer; without what
#: has not asked its node yet only after so much longer, because then this process is slow, or Redis.
PATIENCE_SECONDS = 0.25
PREPARED_SECONDS = 2.0

pool = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="invalidation-crew")


def _renew() -> None:
    """A forked process has none of the threads that the pool believes to be idle, and would wait for them for ever."""
    pool.__init__(MAX_THREADS, thread_name_prefix="invalidation-crew")  # type: ignore[misc]  # in place: others hold it


os.register_at_fork(after_in_child=_renew)


class Job:
    """One node's part, done by a helper. It may end after everybody else has gone on."""

    def __init__(self, place: CachePlace, work: Callable[[], Outcome]) -> None:
        """`work` plans, and asks this node."""
        self.place = place
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
        milliseconds = 1000 * (time.perf_counter() - started)
        with self._lock:
            self.milliseconds, self.outcome, self._error = milliseconds, outcome, error
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


def work(jobs: Sequence[Job]) -> None:
    """Run the jobs until all have ended, or only those are left that nobody should wait for."""
    waiting, ended = deque(jobs), SimpleQueue[Job]()
    left, moved_at = len(jobs), time.monotonic()
    _help(waiting, ended)
    while left:
        try:
            ended.get(timeout=PATIENCE_SECONDS)
            left, moved_at = left - 1, time.monotonic()
        except Empty:
            if waiting:
                _help(waiting, ended)
            elif all(map(_is_slow, jobs)) or time.monotonic() - moved_at > PREPARED_SECONDS:
                break


def _is_slow(job: Job) -> bool:
    return job.ended or slowness.holds(job.place)


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

"""Announces from a thread of its own: the request leaves word and goes on, and what commits meanwhile is merged.

The outbox holds the events: what a process doesn't live to announce, the sweep finds.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from invalidation import lazy
from invalidation.targets.values import most_urgent

logger = lazy.Logger(__name__)

#: Events named in a message; the drain takes whatever is pending, names are for the person at Flower.
MAX_NAMED = 20
#: After a message the thread rests for as many times the processor time which that took, so that it costs a request
#: little of the processor that they share. The first commit after a rest is announced at once.
REST = 8
MAX_REST_SECONDS = 0.02
#: A process that ends waits so long for what it has left to say: the first message imports Celery, which takes a busy
#: machine longer than any broker may take. A broker that is away is given up long before.
END_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Word:
    """That events of one database are pending."""

    database: str
    uids: tuple[str, ...]
    lane: str
    correlation_id: str

    def merged(self, later: Word) -> Word:
        """One for both, which names the first events and hurries as the more urgent one does."""
        uids = (*self.uids, *later.uids)[:MAX_NAMED]
        return Word(self.database, uids, most_urgent((self.lane, later.lane)), self.correlation_id)


class Announcer:
    """Sends words one after another; one that waits is merged with what comes for the same database."""

    def __init__(self, send: Callable[[Word], None]) -> None:
        self._send = send
        self._changed = threading.Condition()
        self._waiting: dict[str, Word] = {}
        self._sending = False
        self._sent = 0
        self._hurry = False
        self._thread: threading.Thread | None = None

    def leave(self, word: Word) -> None:
        """Take the word, and return at once; where threads don't run, send it first."""
        if not self._runs():
            self._send(word)
            return
        with self._changed:
            known = self._waiting.get(word.database)
            self._waiting[word.database] = known.merged(word) if known else word
            self._changed.notify_all()

    def flush(self, seconds: float) -> bool:
        """Wait until all is sent, no longer than this; True if it is."""
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            done = self._changed.wait_for(lambda: not self._waiting and not self._sending, seconds)
            self._hurry = False
        return done

    def settle(self, seconds: float) -> bool:
        """Wait, no longer than this, until what was left before is sent; not for what others leave meanwhile."""
        with self._changed:
            owed = self._sent + len(self._waiting) + self._sending
            return self._changed.wait_for(lambda: self._sent >= owed, seconds)

    def _runs(self) -> bool:
        """Start the thread, unless it runs; False where there can be none."""
        if self._thread is not None and self._thread.is_alive():
            return True
        if not threads_run():
            return False
        thread = threading.Thread(target=self._work, name="invalidation-announcer", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter is shutting down, or the system has no more threads
            return False
        self._thread = thread
        return True

    def _work(self) -> None:
        while True:
            word = self._next()
            used = time.thread_time()
            try:
                self._send(word)
            except Exception:  # whatever it is, the thread goes on, and the sweep finds the events
                logger.exception("announcement_failed", database=word.database)
            self._rest(time.thread_time() - used)

    def _next(self) -> Word:
        """That of the database that has waited for longest."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting)
            self._sending = True
            return self._waiting.pop(next(iter(self._waiting)))

    def _rest(self, used_seconds: float) -> None:
        with self._changed:
            self._sending = False
            self._sent += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._hurry, min(REST * used_seconds, MAX_REST_SECONDS))


def threads_run() -> bool:
    """May this process have threads? Under uWSGI they stand still, unless it is told otherwise."""
    uwsgi = sys.modules.get("uwsgi")
    options = {str(name, "ascii") if isinstance(name, bytes) else name for name in getattr(uwsgi, "opt", ())}
    return uwsgi is None or bool(options & {"enable-threads", "threads"})


class Process:
    """The announcer of this process: a child that it forks gets one of its own, and sends what it was left itself."""

    def __init__(self, send: Callable[[Word], None]) -> None:
        self._send = send
        self.announcer = Announcer(send)
        os.register_at_fork(after_in_child=self._renew)
        atexit.register(self.flush)

    def _renew(self) -> None:
        self.announcer = Announcer(self._send)

    def flush(self) -> None:
        """Before the process ends: send what waits."""
        self.announcer.flush(END_SECONDS)

"""What is wrong with rules: named once in each process's log, one count in Redis for all processes."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils import timezone

from invalidation.freshness.clients import UNAVAILABLE, ask
from invalidation.freshness.redis_pause import redis_pause

if TYPE_CHECKING:
    import redis

COUNTS_KEY, NEWEST_KEY = "invalidation:complaints", "invalidation:complaints:newest"
#: A rule that nobody complained of for so long is forgotten.
KEPT_SECONDS = 7 * 24 * 3600
#: Shortest time between two additions to the count by one process.
FLUSH_SECONDS = 1.0
#: Rules named by one process at most.
MOST_RULES = 1000


@dataclass(frozen=True, slots=True)
class Complaint:
    """One rule, how often it was complained of, and the newest of the complaints."""

    rule: str
    """`PostRules.urls blog.Post`."""
    count: int
    newest: str


class Pending:
    """What this process has counted and not yet added."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._newest: dict[str, str] = {}
        self._named: set[str] = set()
        self._flushed_at = 0.0
        self._lock = threading.Lock()

    def note(self, rule: str, model: str, error: str) -> bool:
        """Count one; is it the first of this rule in this process? At most one bounded call to Redis a second."""
        name = f"{rule} {model}"
        with self._lock:
            first = name not in self._named
            if first and len(self._named) >= MOST_RULES:
                return False
            self._named.add(name)
            self._counts[name] += 1
            self._newest[name] = f"{timezone.now().isoformat(timespec='seconds')} {error}"[:500]
            due = first or time.monotonic() - self._flushed_at > FLUSH_SECONDS
        if due:
            self.flush()
        return first

    def flush(self) -> None:
        """Add it to what Redis counts; while that is away it is kept."""
        with self._lock:
            counts, newest = self._counts, dict(self._newest)
            self._counts, self._flushed_at = Counter(), time.monotonic()
        if not counts:
            return
        try:
            redis_pause.ask(lambda server: _add(server, counts, newest))
        except UNAVAILABLE:
            with self._lock:
                self._counts.update(counts)

    def forget(self) -> None:
        """Name each rule again."""
        with self._lock:
            self._named.clear()
            self._newest.clear()
            self._counts.clear()


def _add(server: redis.Redis, counts: Counter[str], newest: dict[str, str]) -> None:
    pipeline = server.pipeline(transaction=False)
    for name, count in counts.items():
        pipeline.hincrby(COUNTS_KEY, name, count)
        pipeline.hset(NEWEST_KEY, name, newest[name])
    for key in (COUNTS_KEY, NEWEST_KEY):
        pipeline.expire(key, KEPT_SECONDS)
    pipeline.execute()


def counted() -> list[Complaint]:
    """Of all processes, by rule; none while Redis can't tell."""
    nothing: tuple[dict[str, str], dict[str, str]] = {}, {}
    counts, newest = ask(lambda server: (server.hgetall(COUNTS_KEY), server.hgetall(NEWEST_KEY)), nothing)
    return [Complaint(name, int(count), newest.get(name, "")) for name, count in sorted(counts.items())]


pending = Pending()
os.register_at_fork(after_in_child=pending.__init__)  # type: ignore[misc]

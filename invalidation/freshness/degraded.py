"""Counts pages that got a shorter life than their view gave them, or none: one count in Redis for all processes."""

from __future__ import annotations

import os
import threading
from collections import Counter
from enum import Enum

import redis

COUNTS_KEY = "invalidation:degraded"
#: Under this name those that were outdated before they were rendered, so that no cache may store them.
REFUSED = "refused"
#: What else `X-Cache-Reason` says: its tags don't fit; it shows what no tag stands for; it ends with what it shows.
CROWDED, UNTAGGED, ENDS = "too-many-tags", "untagged", "ends"


class Reason(Enum):
    """Why a page may live only shortly."""

    REDIS = "redis"  # it was away, or lost its data meanwhile
    ROOM = "room"  # the tag index is full
    ADDRESS = "address"  # too long for the index, or with parameters that nobody declared
    TAG = "tag"  # the view added what is no tag
    ORIGIN = "origin"  # on no site that purges are sent for


class Pending:
    """What this process has counted and not yet added: while Redis is away, all of it."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def note(self, reason: Reason) -> None:
        """One page."""
        self._add(reason.value)

    def note_refused(self) -> None:
        """One that nobody may store."""
        self._add(REFUSED)

    def _add(self, name: str) -> None:
        with self._lock:
            self._counts[name] += 1

    def flush(self, client: redis.Redis | None) -> None:
        """Add it to what Redis counts; a failure keeps it. No round trip where there is nothing."""
        if client is None or not self._counts:
            return
        with self._lock:
            taken, self._counts = self._counts, Counter()
        try:
            pipeline = client.pipeline(transaction=False)
            for reason, count in taken.items():
                pipeline.hincrby(COUNTS_KEY, reason, count)
            pipeline.execute()
        except redis.RedisError:
            with self._lock:
                self._counts.update(taken)


def counted(client: redis.Redis) -> dict[str, int]:
    """Pages of all processes since the count began, by reason."""
    counts = client.hgetall(COUNTS_KEY)
    return {reason.value: int(counts.get(reason.value, 0)) for reason in Reason}


def refused(client: redis.Redis) -> int:
    """Pages of all processes that nobody could store."""
    return int(client.hget(COUNTS_KEY, REFUSED) or 0)


pending = Pending()
os.register_at_fork(after_in_child=pending.__init__)  # type: ignore[misc]

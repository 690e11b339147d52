"""Counts pages that got a short life though their view gave them a long one: one count in Redis for all processes."""

from __future__ import annotations

import os
import threading
from collections import Counter
from enum import Enum

import redis

COUNTS_KEY = "invalidation:degraded"


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
        with self._lock:
            self._counts[reason.value] += 1

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


pending = Pending()
os.register_at_fork(after_in_child=pending.__init__)  # type: ignore[misc]

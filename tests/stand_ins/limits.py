"""How a stand-in counts: token buckets, and windows that shut out whoever exceeds them."""

from __future__ import annotations

import threading
import time
from collections import deque


class Bucket:
    """Tokens that return at a constant rate, up to a capacity."""

    def __init__(self, capacity: float, refill_per_second: float) -> None:
        self.capacity = capacity
        self.refill_per_second = refill_per_second
        self._tokens = capacity
        self._read_at = time.monotonic()
        self._lock = threading.Lock()

    def take(self, tokens: float = 1) -> float:
        """Take them and return 0; or take nothing and return the seconds until they are there."""
        with self._lock:
            now = time.monotonic()
            self._tokens = min(self.capacity, self._tokens + (now - self._read_at) * self.refill_per_second)
            self._read_at = now
            if self._tokens >= tokens - 1e-6:
                self._tokens -= tokens
                return 0.0
            return (tokens - self._tokens) / self.refill_per_second


class Window:
    """At most so many in any window of so many seconds; one more shuts everybody out for as long."""

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit = limit
        self.seconds = seconds
        self._seen: deque[float] = deque()
        self._shut_until = 0.0
        self._lock = threading.Lock()

    def take(self) -> float:
        """Count one and return 0, or return the seconds for which nobody is let in."""
        with self._lock:
            now = time.monotonic()
            while self._seen and self._seen[0] <= now - self.seconds:
                self._seen.popleft()
            if now < self._shut_until:
                return self._shut_until - now
            if len(self._seen) >= self.limit:
                self._shut_until = now + self.seconds
                return self.seconds
            self._seen.append(now)
            return 0.0

    @property
    def left(self) -> int:
        """How many more fit now."""
        return max(0, self.limit - len(self._seen))

"""What a freshness Redis that is away costs a web process: one timeout per pause, and one line of log now and then."""

from __future__ import annotations

import time
from dataclasses import dataclass

import structlog

from invalidation import conf

logger = structlog.get_logger(__name__)

#: A Redis that is away is reported this often, not once per response.
REPORT_SECONDS = 30.0


@dataclass(slots=True)
class Absence:
    """Counts responses that had to do without Redis, and leaves it alone for a while after it failed.

    After a pause one caller tries again; the others wait for what becomes of that.
    """

    count: int = 0
    """Responses so far; read by metrics."""

    until: float = 0.0
    """Reading of the monotonic clock; zero while Redis answers."""

    reported_at: float = float("-inf")
    """Reading of the monotonic clock."""

    def may_ask(self) -> bool:
        """May this caller ask Redis? The caller then says `over()` or `note(error)`."""
        now = time.monotonic()
        if now < self.until:
            self.count += 1
            return False
        if self.until:
            self._pause(now)
        return True

    def over(self) -> None:
        """Redis answered."""
        self.until = 0.0

    def note(self, error: Exception) -> None:
        """Redis failed: count, pause, and log once per interval."""
        now = time.monotonic()
        self.count += 1
        self._pause(now)
        if now - self.reported_at > REPORT_SECONDS:
            self.reported_at = now
            logger.warning("freshness_degraded", error=repr(error), responses=self.count)

    def _pause(self, now: float) -> None:
        self.until = now + conf.settings().redis_pause_seconds


absence = Absence()

"""The moment at which an exchange is over, whatever the other side does; every wait asks it how long it may last."""

from __future__ import annotations

import time
from dataclasses import dataclass

from invalidation.providers.wire.faults import TooLate


@dataclass(frozen=True, slots=True)
class Deadline:
    """A reading of the monotonic clock."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """So many seconds from now."""
        return cls(time.monotonic() + seconds)

    def left_seconds(self) -> float:
        """Until then.

        Raises:
            TooLate: it has passed.
        """
        left = self.at - time.monotonic()
        if left <= 0:
            raise TooLate
        return left

"""Fills every node's store after a deployment, at the pace that the application can bear."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from invalidation.providers.filling import Failure, Progress, fill, nodes


@dataclass(frozen=True, slots=True)
class Warmed:
    """What came of it."""

    urls: int
    requests: int
    seconds: float
    failures: Sequence[Failure] = ()

    def document(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)


class Pace:
    """Lets callers through at most so often, evenly; 0 for no limit. Threads may share one."""

    def __init__(self, per_second: float) -> None:
        self._seconds = 1 / per_second if per_second else 0.0
        self._next = time.monotonic()
        self._lock = threading.Lock()

    def wait(self) -> bool:
        """Return True when it is this caller's turn."""
        with self._lock:
            now = time.monotonic()
            turn = max(self._next, now)
            self._next = turn + self._seconds
        time.sleep(turn - now)
        return True


def warm(
    urls: Sequence[str], *, concurrency: int = 4, per_second: float = 0.0, progress: Progress = lambda: None
) -> Warmed:
    """Ask each node for each absolute URL that it serves, innermost first; `progress` runs after each request."""
    started_at = time.monotonic()
    answers = fill(nodes(), urls, concurrency=concurrency, turn=Pace(per_second).wait, progress=progress)
    seconds = round(time.monotonic() - started_at, 3)
    return Warmed(len(urls), len(answers), seconds, [failure for failure in answers if failure])

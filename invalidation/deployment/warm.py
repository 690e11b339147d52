"""Asks every node for pages, innermost tiers first, so that each has its copy before a visitor comes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any

from invalidation.deployment.nodes import nodes, served
from invalidation.exceptions import DeliveryError
from invalidation.providers.base import Provider

Progress = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Failure:
    """A page that a node did not bring."""

    url: str
    tier: str
    node: str
    error: str


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

    def wait(self) -> None:
        """Return when it is this caller's turn."""
        with self._lock:
            now = time.monotonic()
            turn = max(self._next, now)
            self._next = turn + self._seconds
        time.sleep(turn - now)


def warm(
    urls: Sequence[str], *, concurrency: int = 4, per_second: float = 0.0, progress: Progress = lambda: None
) -> Warmed:
    """Ask each node for each absolute URL that it serves, innermost first; `progress` runs after each request."""
    started_at, pace, asked = time.monotonic(), Pace(per_second), nodes()
    failures: list[Failure | None] = []

    def one(node: Provider, url: str) -> Failure | None:
        pace.wait()
        failure = _ask(node, url)
        progress()
        return failure

    with ThreadPoolExecutor(max(1, concurrency)) as pool:
        for node in asked:
            failures += pool.map(lambda url, node=node: one(node, url), served(node, urls))
    seconds = round(time.monotonic() - started_at, 3)
    return Warmed(len(urls), len(failures), seconds, [failure for failure in failures if failure])


def _ask(node: Provider, url: str) -> Failure | None:
    try:
        status = node.fetch(url).status_code
    except DeliveryError as error:
        return Failure(url, node.tier, node.node, str(error))
    return None if status == HTTPStatus.OK else Failure(url, node.tier, node.node, f"answered {status}")

"""Keeps slots of this worker free: what waits for slow nodes may take some of them, never all."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from celery.signals import worker_init, worker_process_init

from invalidation.targets.values import CachePlace, Lane

#: Left to drains and takedowns.
FREE = 2


@dataclass(slots=True)
class Slots:
    """Deliveries under way in this process, by tier and node."""

    size: int = 0
    """Tasks that run at once in this process; 0 for unknown or one alone, and then nothing is refused."""

    held: Counter[CachePlace] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def asked(self, place: CachePlace, lane: str) -> Iterator[bool]:
        """Within, a slot is taken; False where none may be: one node has half of them at most, whoever it is for."""
        with self.lock:
            if free := self._is_free(place, lane):
                self.held[place] += 1
        try:
            yield free
        finally:
            if free:
                with self.lock:
                    self.held[place] -= 1

    def _is_free(self, place: CachePlace, lane: str) -> bool:
        if not self.size:
            return True
        node_has_room = self.held[place] < max(1, self.size // 2)
        return node_has_room and (lane == Lane.TAKEDOWN or self.held.total() < max(1, self.size - FREE))


slots = Slots()


@worker_init.connect(dispatch_uid="invalidation.contrib.celery.consuming.slots")
def _learn(*, sender: Any = None, **_: Any) -> None:
    slots.size = int(getattr(sender, "concurrency", 0) or 0)


@worker_process_init.connect(dispatch_uid="invalidation.contrib.celery.consuming.slots.process")
def _run_alone(**_: Any) -> None:
    """A process of the pools prefork and solo runs one task at a time: beside it there is nothing to keep free."""
    slots.size = 0

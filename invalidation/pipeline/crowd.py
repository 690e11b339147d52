"""Back pressure: while workers can't keep up with deliveries, events are left to merge instead of becoming batches."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import timedelta

from django.utils import timezone

from invalidation import conf
from invalidation.models import Delivery, DeliveryStatus, Event, EventStatus

#: So many deliveries that nothing but a free worker is missing for, and that wait for longer than this, are a crowd.
CROWD = 8
WAITED = timedelta(seconds=1)
#: Counted at most this often in one process.
COUNT_SECONDS = 1.0


@dataclass(slots=True)
class Gauge:
    """What this process last counted."""

    counted: dict[str, tuple[float, bool]] = field(default_factory=dict)
    """By database, with the reading of the monotonic clock."""

    def crowded(self, database: str) -> bool:
        """Count again if the last count is too old."""
        counted_at, known = self.counted.get(database, (float("-inf"), False))
        if time.monotonic() - counted_at < COUNT_SECONDS:
            return known
        self.counted[database] = time.monotonic(), _waiting(database) >= CROWD
        return self.counted[database][1]

    def has_dissolved(self, database: str) -> bool:
        """Was there a crowd at the last count, and is there none now? Once for each crowd."""
        _, known = self.counted.get(database, (0.0, False))
        return known and not self.crowded(database)


gauge = Gauge()


def holds(database: str) -> bool:
    """Should events wait for others to merge with? Never for longer than until the sweep would announce them again.

    A small batch costs the workers nearly as much as a large one: without this, events that arrive faster than
    deliveries are made become ever more small batches, which nothing merges any more.
    """
    if not gauge.crowded(database):
        return False
    old_at = timezone.now() - timedelta(seconds=conf.settings().sweep_after_seconds)
    pending = Event.objects.using(database).filter(status=EventStatus.PENDING)
    return not pending.filter(created_at__lt=old_at).exists()


def innermost() -> frozenset[str]:
    """Tiers that wait for no other."""
    return frozenset(tier.name for tier in conf.settings().tiers.values() if not tier.fills_from)


def _waiting(database: str) -> int:
    """Deliveries of the innermost tiers, which wait for no other; a node that fails has been attempted, and is none."""
    waiting = Delivery.objects.using(database).filter(
        status=DeliveryStatus.PENDING, tier__in=innermost(), available_at__lt=timezone.now() - WAITED
    )
    return waiting[:CROWD].count()

"""What beat does: a sweep every few seconds, pruning every hour, a canary now and then; the rest where it is due."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from invalidation.conf import Settings
from invalidation.targets.values import Lane

HOUR_SECONDS = 3600
#: Least time that a run may wait in a busy queue: with less, those of every second might all be dropped.
EXPIRY_SECONDS = 10.0


def schedule(settings: Settings, priorities: Mapping[Lane, int]) -> dict[str, dict[str, Any]]:
    """Entries for `beat_schedule`; a run that waited for too long is dropped, because later ones serve.

    `priorities` are the broker's. Without one they would overtake everything else, and runs that take longer than their
    interval would leave no worker to the deliveries.
    """
    intervals = {
        "sweep": settings.workers.sweep_interval_seconds,
        "fire": settings.workers.schedule_interval_seconds,
        "rebound": settings.workers.rebound_interval_seconds,
        "refresh": settings.workers.sweep_interval_seconds,
        "verify": settings.workers.verify_interval_seconds,
    }
    entries = {
        f"invalidation {name} of {database}": _entry(name, seconds, priorities, database=database)
        for database in settings.databases
        for name, seconds in intervals.items()
    }
    entries |= {"invalidation prune": _entry("prune", HOUR_SECONDS, priorities)}
    if seconds := settings.workers.canary_interval_seconds:
        entries |= {"invalidation canary": _entry("canary", seconds, priorities)}
    return entries


def _entry(name: str, seconds: float, priorities: Mapping[Lane, int], **arguments: str) -> dict[str, Any]:
    task = f"invalidation.{name}"
    lane = Lane.TAKEDOWN if name == "fire" else Lane.EDITORIAL  # promised within a second, and a few milliseconds' work
    return {
        "task": task,
        "schedule": seconds,
        "kwargs": arguments,
        "options": {"expires": max(seconds, EXPIRY_SECONDS), "priority": priorities[lane]},
    }

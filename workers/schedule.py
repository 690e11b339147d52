"""What beat does: sweep, rebound and verification every few seconds, pruning every hour."""

from __future__ import annotations

from typing import Any

from invalidation.conf import Settings

HOUR_SECONDS = 3600


def schedule(settings: Settings) -> dict[str, dict[str, Any]]:
    """Entries for `beat_schedule`; a run that waited longer than its interval is dropped, the next one serves."""
    intervals = {
        "sweep": settings.sweep_interval_seconds,
        "rebound": settings.rebound_interval_seconds,
        "verify": settings.verify_interval_seconds,
    }
    entries = {
        f"invalidation {name} of {database}": _entry(name, seconds, database=database)
        for database in settings.databases
        for name, seconds in intervals.items()
    }
    return entries | {"invalidation prune": _entry("prune", HOUR_SECONDS)}


def _entry(name: str, seconds: float, **arguments: str) -> dict[str, Any]:
    task = f"invalidation.{name}"
    return {"task": task, "schedule": seconds, "kwargs": arguments, "options": {"expires": seconds}}

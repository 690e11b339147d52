"""What beat does: the sweep every few seconds, pruning every hour."""

from __future__ import annotations

from typing import Any

from invalidation.conf import Settings

HOUR_SECONDS = 3600


def schedule(settings: Settings) -> dict[str, dict[str, Any]]:
    """Entries for `beat_schedule`; a run that waited longer than its interval is dropped, the next one serves."""
    sweeps = {
        f"invalidation sweep of {database}": {
            "task": "invalidation.sweep",
            "schedule": settings.sweep_interval_seconds,
            "kwargs": {"database": database},
            "options": {"expires": settings.sweep_interval_seconds},
        }
        for database in settings.databases
    }
    prune = {"task": "invalidation.prune", "schedule": HOUR_SECONDS, "options": {"expires": HOUR_SECONDS}}
    return sweeps | {"invalidation prune": prune}

"""Settings of the fault injection: the project's, with tiers that record, and short delays to recover quickly."""

from __future__ import annotations

from typing import Any

from project.settings import environment
from project.settings.test import *  # noqa: F403
from project.settings.test import DATABASES, INSTALLED_APPS, INVALIDATION
from project.settings.tiers import PROVIDERS, tiers
from tests.chaos.site import SECRET, SITE

INSTALLED_APPS = [*INSTALLED_APPS, "tests.chaos"]
ROOT_URLCONF = "tests.chaos.urls"
ALLOWED_HOSTS = ["*"]
# Nobody looks at Flower; the processors are left to what is tested.
CELERY_WORKER_SEND_TASK_EVENTS = CELERY_TASK_SEND_SENT_EVENT = False
# The view opens its transaction itself, as the writers do.
DATABASES = {"default": {**DATABASES["default"], "ATOMIC_REQUESTS": False}}


def _recorded(provider: str, nodes: list[str], fills_from: list[str]) -> dict[str, Any]:
    """A tier of stand-ins; no rebound, so that every purge beyond the first counts as a duplicate."""
    return {
        "PROVIDER": f"{PROVIDERS}.{provider}",
        "NODES": nodes,
        "FILLS_FROM": fills_from,
        "OPTIONS": {"SECRET": SECRET, "TIMEOUT_SECONDS": 1.0},
        "REBOUND_SECONDS": 0,
    }


def _seconds(name: str, default: float) -> float:
    return float(environment.text(f"CHAOS_{name}", str(default)))


INVALIDATION = {
    **INVALIDATION,
    "TIERS": {
        **tiers(
            redis=True,
            varnish=environment.words("VARNISH_NODES"),
            nginx=environment.words("NGINX_NODES"),
            secret=SECRET,
        ),
        "shield": _recorded("varnish.Varnish", environment.words("SHIELD_NODES"), ["cache"]),
        "edge": _recorded("nginx.Nginx", environment.words("EDGE_NODES"), ["shield"]),
    },
    "SITES": [SITE],
    "LONGEST_RENDER_SECONDS": _seconds("LONGEST_RENDER_SECONDS", 3.0),
    "WORKERS": {
        "SWEEP_INTERVAL_SECONDS": _seconds("SWEEP_INTERVAL_SECONDS", 1.0),
        "SWEEP_AFTER_SECONDS": _seconds("SWEEP_AFTER_SECONDS", 2.0),
        "CANARY_INTERVAL_SECONDS": 0,
    },
    "RETRY": {
        "LEASE_SECONDS": _seconds("LEASE_SECONDS", 10.0),
        "BACKOFF_BASE_SECONDS": _seconds("BACKOFF_BASE_SECONDS", 0.2),
        "BACKOFF_CAP_SECONDS": _seconds("BACKOFF_CAP_SECONDS", 2.0),
        "BREAKER_RESET_SECONDS": _seconds("BREAKER_RESET_SECONDS", 2.0),
        "MAX_ATTEMPTS": int(_seconds("MAX_ATTEMPTS", 40)),
    },
}

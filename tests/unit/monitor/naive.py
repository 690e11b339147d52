"""The textbook monitor: one key for everybody, statistics of Redis alone, an exit code that says nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.cache import BaseCache

KEY = "cache_monitor_test"


def probe(cache: BaseCache, meanwhile: Callable[[], object], value: str) -> bool:
    """`meanwhile` runs between writing and reading, as another monitor would."""
    cache.set(KEY, value)
    meanwhile()
    return bool(cache.get(KEY) == value)


def statistics(cache: Any) -> dict[str, Any]:
    """What is known without Redis: nothing."""
    client = getattr(cache, "client", None)
    return dict(client.get_client().info()) if client else {}


def run(cache: BaseCache) -> int:
    """The exit code."""
    try:
        cache.set(KEY, "value")
    except Exception as error:  # noqa: BLE001 (as such monitors do)
        print(f"error: {error}")  # noqa: T201
    return 0

"""The textbook deployment script: get-then-set of a version that no cache reads, and a success whatever happens."""

from __future__ import annotations

from collections.abc import Callable

from django.core.cache import BaseCache

KEY = "cache_version"


def bump(cache: BaseCache, meanwhile: Callable[[], object] = int) -> int:
    """`meanwhile` runs between reading and writing, as another deployment would."""
    version = int(cache.get(KEY) or 0)
    meanwhile()
    cache.set(KEY, version + 1)
    return version + 1


def speedup(cold_seconds: float, warm_seconds: float) -> float:
    """How many times faster the second request was."""
    return cold_seconds / warm_seconds


def run(fetch: Callable[[], object]) -> int:
    """The exit code."""
    try:
        fetch()
    except Exception as error:  # noqa: BLE001 (as such scripts do)
        print(f"error: {error}")  # noqa: T201
    return 0

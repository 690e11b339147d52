"""The textbook deployment script: a version that no cache reads, keys that nothing has, success whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.core.cache import BaseCache

from invalidation.providers.base import Provider

KEY = "cache_version"


def bump(cache: BaseCache, meanwhile: Callable[[], object] = int) -> int:
    """`meanwhile` runs between reading and writing, as another deployment would."""
    version = int(cache.get(KEY) or 0)
    meanwhile()
    cache.set(KEY, version + 1)
    return version + 1


def clear(cache: Any, pattern: str) -> int:
    """Delete what matches the names of keys without their prefix and version; tells how many."""
    server = cache.client.get_client()
    found = server.keys(pattern)
    return int(server.delete(*found)) if found else 0


def warm_and_purge(nodes: Sequence[Provider], urls: Sequence[str]) -> None:
    """Both steps, in the wrong order."""
    for node in nodes:
        for url in urls:
            node.fetch(url)
    for node in nodes:
        node.purge_urls(urls)


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

"""Writes, reads and deletes a few keys of its own in a cache, and times each call."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable
from typing import Any

from django.core.cache import BaseCache

from invalidation.monitor.report import Percentiles, percentiles

#: Calls of each kind per look.
CALLS = 20
KEY_PREFIX = "invalidation:probe:"
#: A probe that could not delete its keys leaves them for no longer than this.
KEY_SECONDS = 60
#: A replica may answer before it has received what the primary took.
REPLICA_SECONDS = 2.0
REPLICA_LOOK_SECONDS = 0.02


def probe(cache: BaseCache) -> tuple[dict[str, Percentiles], list[str]]:
    """Latency of each kind of call, and what is wrong. No two probes share a key; none leaves one."""
    values = {f"{KEY_PREFIX}{secrets.token_hex(16)}": secrets.token_hex(16) for _ in range(CALLS)}
    try:
        try:
            latency, problems = _write_and_read(cache, values)
        finally:
            deleted, problem = _delete(cache, values)
    except Exception as error:  # noqa: BLE001 (whatever a backend raises is the finding)
        return {}, [f"does not answer: {type(error).__name__}"]
    return {**latency, "delete": deleted}, problems or problem


def _write_and_read(cache: BaseCache, values: dict[str, str]) -> tuple[dict[str, Percentiles], list[str]]:
    written = timed(lambda key: cache.set(key, values[key], KEY_SECONDS), values)
    deadline = time.monotonic() + REPLICA_SECONDS
    missing = [key for key, value in values.items() if not _arrives(cache, key, value, deadline)]
    problems = [f"{len(missing)} of {len(values)} values that were set did not come back"] if missing else []
    return {"set": written, "get": timed(cache.get, values)}, problems


def _arrives(cache: BaseCache, key: str, value: str, deadline: float) -> bool:
    """Is the value there before `deadline`, a reading of the monotonic clock?"""
    while cache.get(key) != value:
        if time.monotonic() > deadline:
            return False
        time.sleep(REPLICA_LOOK_SECONDS)
    return True


def _delete(cache: BaseCache, values: dict[str, str]) -> tuple[Percentiles, list[str]]:
    gone: list[bool] = []
    latency = timed(lambda key: gone.append(bool(cache.delete(key))), values)
    return latency, [] if all(gone) else [f"{gone.count(False)} of {len(gone)} keys were not there to delete"]


def timed(call: Callable[[str], Any], keys: Iterable[str]) -> Percentiles:
    """Percentiles of one call per key."""
    durations = []
    for key in keys:
        started_at = time.perf_counter()
        call(key)
        durations.append((time.perf_counter() - started_at) * 1000)
    return percentiles(durations)

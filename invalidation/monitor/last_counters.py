"""Remembers the counters of the last look, so that the next one can tell what happened in between."""

from __future__ import annotations

import json
from collections.abc import Mapping

from invalidation.freshness.clients import UNAVAILABLE, patient_client

KEY = "invalidation:monitor"
KEPT_SECONDS = 7 * 86_400
#: Name of a cache or proxy to its hits and misses.
Counted = Mapping[str, Mapping[str, int]]


def remember(counted: Counted) -> None:
    """Keep them in the freshness Redis; without one, a process remembers its own looks alone."""
    _local.clear()
    _local.update(counted)
    if server := patient_client():
        try:
            server.set(KEY, json.dumps(counted), ex=KEPT_SECONDS)
        except UNAVAILABLE:
            return


def remembered() -> Counted:
    """The newest; empty before the first look."""
    server = patient_client()
    try:
        stored = server.get(KEY) if server else None
    except UNAVAILABLE:
        stored = None
    return json.loads(stored) if stored else dict(_local)


_local: dict[str, Mapping[str, int]] = {}

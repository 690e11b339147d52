"""Remembers the counters of the last look, so that the next one can tell what happened in between."""

from __future__ import annotations

from collections.abc import Mapping

from invalidation.freshness.clients import keep, kept

KEY = "invalidation:monitor"
#: Name of a cache or proxy to its hits and misses.
Counted = Mapping[str, Mapping[str, int]]


def remember(counted: Counted) -> None:
    """Keep them in the freshness Redis; without one, a process remembers its own looks alone."""
    _local.clear()
    _local.update(counted)
    keep(KEY, counted)


def remembered() -> Counted:
    """The newest; empty before the first look."""
    counted: Counted | None = kept(KEY)
    return counted or dict(_local)


_local: dict[str, Mapping[str, int]] = {}

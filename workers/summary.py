"""Targets in a few words, for whoever looks at Flower."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from invalidation.values import CacheKey


def summary(targets: Mapping[str, Any], limit: int = 5) -> str:
    """The first few targets of the document that `Targets` stores, and how many more."""
    if targets.get("everything"):
        return "everything"
    keys = [CacheKey.of(key).key for key in targets.get("keys", ())]
    names = [*targets.get("tags", ()), *targets.get("prefixes", ()), *targets.get("urls", ()), *keys]
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return " ".join(names[:limit]) + more

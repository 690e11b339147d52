"""Targets in a few words, for whoever looks at Flower."""

from __future__ import annotations

from invalidation.targets.values import Targets


def summary(targets: Targets | None, limit: int = 5) -> str:
    """The first few targets of a batch, and how many more; None for what can't be read."""
    if targets is None:
        return "unreadable"
    if targets.everything:
        return "everything"
    keys = sorted(key.key for key in targets.keys)
    names = [*sorted(targets.tags), *sorted(targets.prefixes), *sorted(targets.urls), *keys]
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return " ".join(names[:limit]) + more

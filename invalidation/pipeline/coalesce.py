"""Merging the targets of many events into the fewest that mean the same. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from invalidation.values import Targets, union


def coalesce(many: Iterable[Targets]) -> Targets:
    """The union, without what a wider target covers: everything covers responses, a prefix what is below it.

    Keys stay beside `everything`, because they may live in caches that nothing else names. A tag never covers
    another: pages that carry `blog.post:42` need not carry `blog.post`.
    """
    merged = union(many)
    if merged.everything:
        return Targets(keys=merged.keys, everything=True)
    prefixes = _outermost(merged.prefixes)
    urls = frozenset(url for url in merged.urls if not _covered(url, prefixes))
    return Targets(merged.tags, urls, prefixes, merged.keys)


def _outermost(prefixes: frozenset[str]) -> frozenset[str]:
    """In sorted order a covering prefix stands directly before what it covers."""
    kept: list[str] = []
    for prefix in sorted(prefixes):
        if not kept or not prefix.startswith(kept[-1]):
            kept.append(prefix)
    return frozenset(kept)


def _covered(url: str, prefixes: frozenset[str]) -> bool:
    return any(url.startswith(prefix) for prefix in prefixes)

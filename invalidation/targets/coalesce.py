"""Merging the targets of many events into the fewest that mean the same. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from invalidation.targets.values import Targets, union


def coalesce(many: Iterable[Targets]) -> Targets:
    """The union, without what a wider target covers: everything covers responses, a prefix what is below it.

    Keys stay beside `everything`, because they may live in caches that nothing else names. A tag never covers
    another: pages that carry `blog.post:42` need not carry `blog.post`.
    """
    merged = union({id(targets): targets for targets in many}.values())
    if merged.everything:
        return Targets(keys=merged.keys, everything=True)
    prefixes = outermost(merged.prefixes)
    return Targets(merged.tags, uncovered(merged.urls, prefixes), prefixes, merged.keys)


def uncovered(urls: frozenset[str], prefixes: frozenset[str]) -> frozenset[str]:
    """The URLs that lie below none of the prefixes."""
    below = tuple(prefixes)
    return frozenset(url for url in urls if not url.startswith(below)) if below else urls


def outermost(prefixes: frozenset[str]) -> frozenset[str]:
    """Those that lie below no other: in sorted order a covering prefix stands directly before what it covers."""
    kept: list[str] = []
    for prefix in sorted(prefixes):
        if not kept or not prefix.startswith(kept[-1]):
            kept.append(prefix)
    return frozenset(kept)

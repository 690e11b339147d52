"""Which tags a value had when this process looked last: their versions are asked for in the same round trip."""

from __future__ import annotations

from collections.abc import Iterable

#: Values that a process remembers so; it begins anew after as many.
MOST_HINTS = 2000
_hints: dict[tuple[str, str], tuple[str, ...]] = {}


def of(alias: str, key: str) -> tuple[str, ...]:
    """Those of the value under the key; none where nothing is known, and others where it was stored anew since."""
    return _hints.get((alias, key), ())


def remember(alias: str, key: str, tags: Iterable[str]) -> None:
    """It has these now."""
    if len(_hints) >= MOST_HINTS:
        _hints.clear()
    _hints[alias, key] = tuple(tags)

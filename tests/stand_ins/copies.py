"""The copies that a stand-in for a CDN holds, by URL and variant, each with its tags."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Copy:
    """One stored response."""

    url: str
    tags: frozenset[str] = frozenset()
    variant: str = ""
    """The request headers that tell it from other copies of the URL, as text."""

    stale: bool = False
    content: Any = field(default=None, repr=False)


class Copies:
    """What is stored; safe for many threads."""

    def __init__(self) -> None:
        self._copies: dict[tuple[str, str], Copy] = {}
        self._lock = threading.Lock()

    def store(self, url: str, *tags: str, variant: str = "", content: Any = None) -> Copy:
        """Hold a response; tags are compared without regard to case."""
        copy = Copy(url, frozenset(tag.lower() for tag in tags), variant, content=content)
        with self._lock:
            self._copies[url, variant] = copy
        return copy

    def get(self, url: str, variant: str = "") -> Copy | None:
        """The copy, stale or not."""
        return self._copies.get((url, variant))

    def __contains__(self, url: str) -> bool:
        """Is any fresh copy of this URL held?"""
        with self._lock:
            return any(copy.url == url and not copy.stale for copy in self._copies.values())

    def urls(self) -> list[str]:
        """URLs of the fresh copies."""
        with self._lock:
            return sorted({copy.url for copy in self._copies.values() if not copy.stale})

    def remove(self, doomed: Callable[[Copy], bool], *, soft: bool = False) -> int:
        """Drop, or mark as stale, the copies that satisfy the condition, and count them."""
        with self._lock:
            found = [place for place, copy in self._copies.items() if doomed(copy)]
            for place in found:
                if soft:
                    self._copies[place].stale = True
                else:
                    del self._copies[place]
        return len(found)


def tagged(tags: Iterable[str]) -> Callable[[Copy], bool]:
    """Copies that carry one of these tags."""
    wanted = {tag.lower() for tag in tags}
    return lambda copy: not copy.tags.isdisjoint(wanted)

"""Which cached values the value being computed is made of: what makes one of them stale makes it stale too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from django.core.signals import request_started

from invalidation.caching.values.entry import Entry, Stamps
from invalidation.tracking import values


@dataclass(slots=True)
class Reads:
    """What was read since the computation began, in its own context and those that were made from it."""

    outer: Reads | None = None
    stamps: dict[str, dict[str, int]] = field(default_factory=dict)
    """Of values that were there: alias to tag to version."""

    tags: set[str] = field(default_factory=set)
    """Of values that were computed meanwhile, from what this unit of work read."""

    is_spoilt: bool = False
    """May nobody keep what is made of it? Two versions of one tag were met, or what a transaction had written."""

    def add(self, alias: str, stamps: Stamps) -> None:
        """A value with these stamps was there."""
        known = self.stamps.setdefault(alias, {})
        self.is_spoilt |= any(known.setdefault(tag, version) != version for tag, version in stamps.items())


#: That of the innermost computation.
_open: ContextVar[Reads | None] = ContextVar("invalidation_reads", default=None)


def note_found(alias: str, entry: Entry) -> None:
    """A value of the cache `alias` is used."""
    values.note_found((entry.stamps, *entry.others.values()), entry.page)
    for reads in _every():
        reads.add(alias, entry.stamps)
        for other, stamps in entry.others.items():
            reads.add(other, stamps)


def note_computed(tags: Iterable[str]) -> None:
    """A value with these tags was computed, because it wasn't there."""
    for reads in _every():
        reads.tags.update(tags)


def spoil() -> None:
    """What was read now is not what others will see."""
    for reads in _every():
        reads.is_spoilt = True


def _every() -> Iterator[Reads]:
    reads = _open.get()
    while reads is not None:
        yield reads
        reads = reads.outer


@contextmanager
def collected() -> Iterator[Reads]:
    """What is read inside."""
    reads = Reads(_open.get())
    token = _open.set(reads)
    try:
        yield reads
    finally:
        _open.reset(token)


def collect() -> Reads:
    """What is read from here on, until `end` or the next request: a page is rendered after its view has returned."""
    reads = Reads()
    _open.set(reads)
    return reads


def end(**_: Any) -> None:
    """Nothing is being computed."""
    _open.set(None)


request_started.connect(end, dispatch_uid="invalidation.caching.values.reads")

"""What is read while a page renders, or a value for it is computed. Bounded; knows neither Django nor rules."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

#: A page that shows more rows of one model depends on the model's tag instead.
MOST_ROWS = 100
#: Statements that a report tells apart, and things without a tag that are named.
MOST_NAMED = 100


@dataclass(frozen=True, slots=True)
class Origin:
    """What one statement, or one cached value, added."""

    what: str
    lists: tuple[Any, ...] = ()
    """Models of which any row may change the result."""

    rows: tuple[tuple[Any, Any], ...] = ()
    """Model and key."""

    parts: tuple[tuple[Any, str, Any], ...] = ()
    """Model, column and value."""

    tags: tuple[str, ...] = ()
    """Of cached values."""


@dataclass(slots=True)
class Readings:
    """What was read so far, in its own context and in those that were made from it."""

    begun_at: str = ""
    """UTC, as databases without a type for it are given it: a value between then and now is the clock's."""

    explains: bool = False
    """Is each statement to be told apart?"""

    rows: dict[Any, set[Any]] = field(default_factory=dict)
    """Model to the keys of its rows."""

    lists: set[Any] = field(default_factory=set)
    """Models of which any row may change what was read."""

    parts: dict[tuple[Any, str], set[Any]] = field(default_factory=dict)
    """Model and column to values: rows that have one of these may change what was read, and no others of the model."""

    tags: set[str] = field(default_factory=set)
    """Of cached values: what was read for them."""

    by_hand: set[str] = field(default_factory=set)
    """Of cached values: what they were given."""

    untagged: set[str] = field(default_factory=set)
    """What no tag stands for, in words."""

    origins: list[Origin] = field(default_factory=list)

    def add_rows(self, model: Any, keys: Iterable[Hashable]) -> None:
        """Rows of one model: from MOST_ROWS on they count as its list."""
        known = self.rows.setdefault(model, set())
        if len(known) <= MOST_ROWS:
            known.update(islice(keys, 2 * MOST_ROWS))
        if len(known) > MOST_ROWS:
            self.lists.add(model)

    def add_part(self, model: Any, column: str, values: Iterable[Hashable]) -> None:
        """Rows of one model that have one of these values: from MOST_ROWS on they count as its list."""
        known = self.parts.setdefault((model, column), set())
        if len(known) <= MOST_ROWS:
            known.update(islice(values, 2 * MOST_ROWS))
        if len(known) > MOST_ROWS:
            self.lists.add(model)

    def rows_of(self, model: Any) -> set[Any]:
        """Those that are named one by one; none where there were too many."""
        known = self.rows.get(model, set())
        return known if len(known) <= MOST_ROWS else set()

    def name(self, what: Iterable[str]) -> None:
        """No tag stands for this."""
        if len(self.untagged) < MOST_NAMED:
            self.untagged.update(what)

    def explain(self, origin: Origin) -> None:
        """Where it came from, for a report."""
        if self.explains and len(self.origins) < MOST_NAMED:
            self.origins.append(origin)

    def merge(self, inner: Readings) -> None:
        """What an inner computation read was read here too."""
        for model, keys in inner.rows.items():
            self.add_rows(model, keys)
        for (model, column), values in inner.parts.items():
            self.add_part(model, column, values)
        self.lists |= inner.lists
        self.tags |= inner.tags
        self.by_hand |= inner.by_hand
        self.name(inner.untagged)
        self.origins += inner.origins


_open: ContextVar[Readings | None] = ContextVar("invalidation_readings", default=None)
current = _open.get


@contextmanager
def opened(readings: Readings | None) -> Iterator[None]:
    """Collect into these; with None nothing is collected inside."""
    token = _open.set(readings)
    try:
        yield
    finally:
        _open.reset(token)


@contextmanager
def nested() -> Iterator[Readings | None]:
    """What is read inside, by itself; None where nobody collects."""
    outer = _open.get()
    if outer is None:
        yield None
        return
    with within(Readings(outer.begun_at, outer.explains)) as inner:
        yield inner


@contextmanager
def within(inner: Readings) -> Iterator[Readings]:
    """Collect into these. What is read inside is read outside too, also if it fails."""
    outer = _open.get()
    try:
        with opened(inner):
            yield inner
    finally:
        if outer is not None:
            outer.merge(inner)

"""Compares: a page before a write, the write, the page after it. Where they differ, the write must reach the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.test import Client

from invalidation.caching import tagged
from invalidation.http.tags import readings_of
from invalidation.testing import recorded
from invalidation.tracking import outcome

OK = 200


@dataclass(frozen=True, slots=True)
class Page:
    """What a visitor saw, and what a cache would know of it."""

    body: bytes
    status_code: int
    tags: frozenset[str]
    """What was read while it rendered gave them, and nobody's hand."""

    untagged: frozenset[str]


@dataclass
class Tally:
    """How pairs of a write and a page came out."""

    pairs: int = 0
    changed: int = 0
    """Pairs whose page differs after the write."""

    met: int = 0
    """Pairs whose page the write reaches."""

    missed: list[str] = field(default_factory=list)
    """Pages that differ, and were not reached."""

    needless: Counter[str] = field(default_factory=Counter)
    """Pages that were reached, and don't differ, by the write."""

    @property
    def coverage(self) -> float:
        """Share of the changed pages that their writes reached."""
        return 1 - len(self.missed) / self.changed if self.changed else 1.0

    @property
    def over_invalidation(self) -> float:
        """Share of the pages that were reached without a difference."""
        return self.needless.total() / self.met if self.met else 0.0

    def __str__(self) -> str:
        return (
            f"{self.pairs} pairs, {self.changed} changed, {len(self.missed)} of them missed "
            f"(coverage {self.coverage:.2%}); {self.met} reached, {self.needless.total()} of them for nothing "
            f"(over-invalidation {self.over_invalidation:.1%})"
        )

    def count(self, write: str, path: str, before: Page, after: Page, tags: frozenset[str]) -> None:
        """One pair; a page that nobody could store doesn't count."""
        if before.status_code != OK:
            return
        self.pairs += 1
        met, differs = bool(tags & before.tags), before.body != after.body or before.status_code != after.status_code
        self.met += met
        self.changed += differs
        if differs and not met:
            self.missed.append(f"{write} changed {path}: {sorted(tags)} don't meet {sorted(before.tags)}")
        if met and not differs:
            self.needless[write] += 1


def page_of(client: Client, path: str) -> Page:
    """As it is now."""
    response: Any = client.get(path)
    readings = readings_of(response.wsgi_request)
    assert readings is not None
    tags, untagged = outcome.tags_of(readings), outcome.untagged_in(readings)
    return Page(response.content, response.status_code, frozenset(tags), frozenset(untagged))


def compare(
    client: Client, paths: Iterable[str], writes: Iterable[tuple[str, Callable[[], object]]], *, again_every: int = 3
) -> Tally:
    """Each write against each page. Every third time the pages come out of the caches of values first."""
    tally = Tally()
    before = {path: page_of(client, path) for path in paths}
    for number, (name, write) in enumerate(writes):
        if number % again_every == 0:
            before = {path: page_of(client, path) for path in before}
        with recorded() as events:
            write()
        tagged.invalidate(events.tags)
        after = {path: page_of(client, path) for path in before}
        for path, page in before.items():
            tally.count(name, path, page, after[path], events.tags)
        before = after
    return tally

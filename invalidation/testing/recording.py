"""What a block of a test has recorded: the events, read from the outbox, and whether they reach a target or a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from invalidation import conf
from invalidation.models import Event, ScheduledEvent
from invalidation.targets.sites import expand_known
from invalidation.targets.values import CacheKey, Targets, union
from invalidation.testing.pages import page_tags, page_url


@dataclass
class Recording:
    """Filled when its block ends; `events` say what was invalidated and why, in the order in which it was recorded."""

    events: list[Event] = field(default_factory=list)
    scheduled: list[ScheduledEvent] = field(default_factory=list)
    """What will be invalidated at an instant to come (`changes_at`, `invalidate(at=…)`)."""

    @property
    def targets(self) -> Targets:
        """All that the events name."""
        return union(Targets.from_document(event.targets) for event in self.events)

    @property
    def tags(self) -> frozenset[str]:
        """Their tags."""
        return self.targets.tags

    @property
    def urls(self) -> frozenset[str]:
        """Their URLs, as the rules wrote them."""
        return self.targets.urls

    @property
    def prefixes(self) -> frozenset[str]:
        """Their prefixes."""
        return self.targets.prefixes

    @property
    def keys(self) -> frozenset[CacheKey]:
        """Their cache keys."""
        return self.targets.keys

    def reaches(self, response: Any) -> bool:
        """Would these events purge the page that a test client was given?"""
        url = page_url(response)
        return self.targets.everything or bool(self.tags & page_tags(response)) or (bool(url) and self._covers(url))

    def reached(self, wanted: Targets) -> Targets:
        """What of `wanted` the events invalidate."""
        missing = self.missing(wanted)
        return Targets(
            wanted.tags - missing.tags,
            wanted.urls - missing.urls,
            wanted.prefixes - missing.prefixes,
            wanted.keys - missing.keys,
            wanted.everything and not missing.everything,
        )

    def missing(self, wanted: Targets) -> Targets:
        """What of `wanted` the events don't invalidate: neither by its name, nor by a wider one."""
        keys = wanted.keys - self.keys
        if self.targets.everything:
            return Targets(keys=keys)
        return Targets(
            wanted.tags - self.tags,
            frozenset(url for url in wanted.urls if not self._covers(url)),
            frozenset(prefix for prefix in wanted.prefixes if not self._lies_below(prefix)),
            keys,
            wanted.everything,
        )

    def _covers(self, url: str) -> bool:
        return url in self.urls or self._lies_below(url) or bool(_absolute([url]) & _absolute(self.urls))

    def _lies_below(self, url: str) -> bool:
        below = (*self.prefixes, *_absolute(self.prefixes))
        return any(one.startswith(below) for one in (url, *_absolute([url])))

    def __str__(self) -> str:
        """A line for each event: what caused it, and what it names."""
        lines = [f"  {event.source}{_because(event)}: {described(event.targets)}" for event in self.events]
        later = [f"  at {event.due_at.isoformat()}: {described(event.targets)}" for event in self.scheduled]
        return "\n".join([*lines, *later]) or "  nothing"


def _absolute(urls: Iterable[str]) -> set[str]:
    return expand_known(urls, conf.settings().sites)


def _because(event: Event) -> str:
    return f" ({event.reason})" if event.reason else ""


def described(document: dict[str, Any]) -> str:
    """`tags blog.post, blog.post:7; urls /blog/`."""
    return "; ".join(kind if names is True else f"{kind} {_listed(names)}" for kind, names in document.items())


def _listed(names: Iterable[str | Mapping[str, Any]]) -> str:
    return ", ".join(one if isinstance(one, str) else str(one["key"]) for one in names)

"""What events have named lately: tags by family with who named them, and addresses. Bounded, whatever the history."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from invalidation import conf
from invalidation.audit.facts import Purged, family
from invalidation.exceptions import InvalidTarget
from invalidation.rows import events
from invalidation.targets.values import Source, Targets

#: Whole tags of a family, and addresses, that are kept.
EXAMPLES, MOST_ADDRESSES = 50, 20_000
#: Events in memory at a time.
PORTION = 500
#: An audit looks at no more tags: an event may name thousands.
MOST_TAGS = 2_000_000
COLUMNS = ("uid", "created_at", "source", "actor", "reason", "targets")
#: What a person purges once is no promise that it will be purged again.
ONCE = frozenset({Source.ADMIN, Source.COMMAND, Source.DEPLOYMENT, Source.VERIFY, Source.RECHECK})


class Told(NamedTuple):
    """An event, without its state."""

    uid: Any
    created_at: datetime
    source: str
    actor: str
    reason: str
    targets: Any

    @property
    def by(self) -> str:
        """Who recorded it, and why."""
        who = f" by {self.actor}" if self.actor else ""
        why = f": {self.reason}" if self.reason else ""
        return f"{self.source}{who}{why} (event {str(self.uid)[:8]})"


@dataclass(slots=True)
class Named:
    """One family, while the history is read from its newest end."""

    newest: Told
    times: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, tags: list[str]) -> None:
        """One more event names these tags of the family."""
        self.times += 1
        self.examples += tags[: EXAMPLES - len(self.examples)]


@dataclass(slots=True)
class History:
    """What the newest events named."""

    families: dict[str, Named] = field(default_factory=dict)
    urls: set[str] = field(default_factory=set)
    prefixes: set[str] = field(default_factory=set)
    events: int = 0
    tags: int = 0
    unreadable: int = 0
    is_whole: bool = True
    """Were so few tags named that all could be looked at?"""

    def add(self, event: Told) -> None:
        """The next older one."""
        self.events += 1
        try:
            targets = Targets.from_document(event.targets)
        except InvalidTarget:
            self.unreadable += 1
            return
        by_family: dict[str, list[str]] = {}
        for tag in sorted(targets.tags):
            by_family.setdefault(family(tag), []).append(tag)
        for name, tags in by_family.items():
            self.families.setdefault(name, Named(event)).add(tags)
        self.tags += len(targets.tags)
        if event.source not in ONCE and len(self.urls) + len(self.prefixes) < MOST_ADDRESSES:
            self.urls |= targets.urls
            self.prefixes |= targets.prefixes

    def purged(self) -> dict[str, Purged]:
        """The families, as they are judged."""
        return {
            name: Purged(name, one.times, one.newest.created_at, one.newest.by, tuple(one.examples))
            for name, one in self.families.items()
        }


def read(since: datetime, limit: int) -> History:
    """The newest events since then in every outbox, at most `limit` of each."""
    history = History()
    for database in conf.settings().databases:
        for event in _newest(database, since, limit):
            history.add(event)
            if history.tags > MOST_TAGS:
                history.is_whole = False
                break
    return history


def _newest(database: str, since: datetime, limit: int) -> Iterator[Told]:
    rows = events.on(database).filter(created_at__gte=since).order_by("-created_at")
    return (Told(*row) for row in rows.values_list(*COLUMNS)[:limit].iterator(chunk_size=PORTION))

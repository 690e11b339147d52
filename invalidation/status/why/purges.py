"""Which purges concern an address: the last one and what became of it, one that waits, one that is to come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone

from invalidation import conf
from invalidation.emission.instants import next_instant, timed
from invalidation.models import Batch, Delivery, Event
from invalidation.rows import batches, deliveries, events, instants
from invalidation.targets import sites
from invalidation.targets.values import CachePlace, Targets

#: The newest batches among which the last that concerns the address is looked for.
BATCHES = 2000
PENDING_EVENTS = 500
LATER = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Concern:
    """An address with the tags that its page was rendered with, by which purges are recognised."""

    url: str
    tags: frozenset[str]

    def named_by(self, targets: Targets | None) -> str:
        """How these mean the page; "" where they don't. What can't be read may mean anything, and is not its purge."""
        if targets is None:
            return ""
        if targets.everything:
            return "everything"
        known = conf.settings().sites
        if self.url in sites.expand_known(targets.urls, known):
            return "its address"
        if shared := sorted(self.tags & targets.tags):
            return f"tag {', '.join(shared)}"
        below = sorted(prefix for prefix in sites.expand_known(targets.prefixes, known) if self.url.startswith(prefix))
        return f"prefix {below[0]}" if below else ""


@dataclass(frozen=True, slots=True)
class History:
    """What was, or is to be, purged of one address."""

    last: Batch | None = None
    event: Event | None = None
    """The newest of that batch that concerns the address."""

    pending: Event | None = None
    """One that nobody has claimed."""

    rows: Mapping[CachePlace, Delivery] = field(default_factory=dict)
    """The newest delivery of the last batch at each node."""

    second: Mapping[CachePlace, Delivery] = field(default_factory=dict)
    """The same of its rebound."""


def history(concern: Concern, database: str) -> History:
    """What the outbox says."""
    pending, last = _pending(concern, database), _last(concern, database)
    if last is None:
        return History(pending=pending)
    event = _event(concern, last, database)
    second = _rows(database, last.rebound_id) if last.rebound_id else {}
    return History(last, event, pending, _rows(database, last.pk), second)


def _last(concern: Concern, database: str) -> Batch | None:
    newest = batches.on(database).filter(event_count__gt=0).order_by("-id")[:BATCHES]
    return next((batch for batch in newest.iterator() if concern.named_by(batch.readable)), None)


def _pending(concern: Concern, database: str) -> Event | None:
    newest = events.pending(database).order_by("-id")[:PENDING_EVENTS]
    return next((event for event in newest if concern.named_by(read(event.targets))), None)


def _event(concern: Concern, batch: Batch, database: str) -> Event | None:
    merged = events.on(database).filter(batch=batch).order_by("-id")[:PENDING_EVENTS]
    return next((event for event in merged if concern.named_by(read(event.targets))), None)


def _rows(database: str, batch: int) -> dict[CachePlace, Delivery]:
    return {row.place: row for row in deliveries.on(database).filter(batch=batch).order_by("id")}


def read(document: Any) -> Targets | None:
    """Targets as they are stored; None for what can't be read."""
    return Batch(targets=document).readable


def next_change(concern: Concern, database: str) -> str | None:
    """When the page changes by itself, or a purge of it is scheduled; None for never."""
    now = timezone.now()
    rows = instants.on(database).filter(model="", due_at__gt=now).order_by("due_at")[:PENDING_EVENTS]
    asked = next((row.due_at for row in rows if concern.named_by(read(row.targets))), None)
    shown = timed(concern.tags)
    moments = [moment for moment in (asked, next_instant(shown, now, LATER) if shown else None) if moment]
    return min(moments).isoformat() if moments else None

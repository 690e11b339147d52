"""What is scheduled, shown as the event that it will be."""

from __future__ import annotations

from datetime import timedelta

from invalidation import conf
from invalidation.models import Event, ScheduledEvent
from invalidation.rows import instants
from invalidation.rows.events import UidRange

#: States of an event that is to come, and of one that will not come any more.
SCHEDULED, WITHDRAWN = "scheduled", "withdrawn"
#: Ahead of now that whoever asks by hand or over HTTP may ask for: who means later has mistyped the year.
FARTHEST = timedelta(days=3653)
SAME = ("uid", "created_at", "source", "actor", "reason", "correlation_id", "lane", "mode", "tiers")


def as_event(scheduled: ScheduledEvent, alias: str) -> Event:
    """Not stored yet; its tags where it is a row that changes."""
    targets = scheduled.targets or {"tags": [scheduled.model, scheduled.owner]}
    event = Event(status=SCHEDULED, targets=targets, **{name: getattr(scheduled, name) for name in SAME})
    event._state.db, event.due_at = alias, scheduled.due_at
    return event


def beginning(alias: str, begins: UidRange) -> list[Event]:
    """With an id that begins so; no more than two, for a second one is enough to know."""
    return [as_event(row, alias) for row in begins.of_rows(instants.on(alias))[:2]]


def soonest(most: int) -> list[Event]:
    """What somebody has asked for, in every database with an outbox, the next first."""
    found = [
        as_event(row, alias)
        for alias in conf.settings().databases
        for row in instants.asked(alias).order_by("due_at", "id")[:most]
    ]
    return sorted(found, key=lambda event: (event.due_at, event.uid))[:most]

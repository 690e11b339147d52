"""The outbox: one insert in the caller's transaction, one announcement after its commit."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from functools import cache
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field

from invalidation import conf, context
from invalidation.models import Event
from invalidation.signals import event_recorded, tell
from invalidation.values import Lane, Targets

#: Attribute of a database connection: its announcements that have not run yet.
WAITING = "_invalidation_waiting"
Key = tuple[Targets, str, str, str, str]


class Announcement:
    """An on-commit hook for one event. The first to run after a commit speaks for all of its transaction.

    Django drops the hooks of a rolled-back savepoint, and with them the last reference to this object.
    """

    __slots__ = ("__weakref__", "database", "event", "lane")
    __qualname__ = "invalidation.Announcement"  # Django logs the name of a hook that fails

    def __init__(self, database: str, event: Event) -> None:
        self.database = database
        self.event = event
        self.lane = event.lane

    def __call__(self) -> None:
        """Announce every event of the transaction, unless another has done so."""
        waiting = _waiting(connections[self.database])
        if self not in waiting.values():
            return
        uids = [str(announcement.event.uid) for announcement in waiting.values()]
        lane = min((announcement.lane for announcement in waiting.values()), key=Lane.values.index)
        waiting.clear()
        tell(event_recorded, "announcement_failed", database=self.database, uids=uids, lane=lane)


def _waiting(connection: BaseDatabaseWrapper) -> weakref.WeakValueDictionary[Key, Announcement]:
    """Announcements of the open transaction, by what they announce."""
    if not hasattr(connection, WAITING):
        setattr(connection, WAITING, weakref.WeakValueDictionary())
    waiting: weakref.WeakValueDictionary[Key, Announcement] = getattr(connection, WAITING)
    return waiting


def _standing(connection: BaseDatabaseWrapper, key: Key) -> Event | None:
    """An equal event of the open transaction, if it was not rolled back with its savepoint."""
    announcement = _waiting(connection).get(key)
    if announcement and any(hook[1] is announcement for hook in reversed(connection.run_on_commit)):
        return announcement.event
    return None


def record(
    targets: Targets,
    *,
    using: str,
    source: str,
    lane: str = Lane.EDITORIAL,
    actor: str | None = None,
    reason: str = "",
    tiers: str = "",
) -> Event:
    """Store that `targets` became stale; an equal event of the same open transaction serves again.

    A failing insert raises: a change whose event can't be stored must not commit.
    """
    alias = using if using in conf.settings().databases else conf.settings().databases[0]
    connection = connections[alias]
    key = (targets, source, lane, reason, tiers)
    if standing := _standing(connection, key):
        return standing
    event = Event(
        source=source,
        actor=context.actor() if actor is None else actor,
        reason=reason[:255],
        correlation_id=context.correlation_id(),
        lane=lane,
        tiers=tiers,
        targets=targets.document(),
    )
    _insert(connection, event)
    announcement = Announcement(alias, event)
    _waiting(connection)[key] = announcement
    connection.on_commit(announcement)
    return event


@cache
def _columns() -> Sequence[Field[Any, Any]]:
    return [field for field in Event._meta.concrete_fields if not field.primary_key]


@cache
def _statement(alias: str) -> str:
    """The INSERT, composed once per database: the request pays for one execute and nothing else."""
    quote = connections[alias].ops.quote_name
    columns = ", ".join(quote(field.column or "") for field in _columns())
    marks = ", ".join(["%s"] * len(_columns()))
    returning = f" RETURNING {quote('id')}" if connections[alias].features.can_return_columns_from_insert else ""
    return f"INSERT INTO {quote(Event._meta.db_table)} ({columns}) VALUES ({marks}){returning}"  # noqa: S608 (column names)


def _insert(connection: BaseDatabaseWrapper, event: Event) -> None:
    values = [field.get_db_prep_save(getattr(event, field.attname), connection) for field in _columns()]
    with connection.cursor() as cursor:
        cursor.execute(_statement(connection.alias), values)
        if connection.features.can_return_columns_from_insert:
            event.pk = cursor.fetchone()[0]
    event._state.adding, event._state.db = False, connection.alias

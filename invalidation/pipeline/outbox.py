"""The outbox: one insert in the caller's transaction, one announcement after its commit."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from functools import cache, partial
from typing import Any

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field

from invalidation import conf, context
from invalidation.models import Event
from invalidation.pipeline.hooks import on_commit
from invalidation.signals import event_recorded, tell
from invalidation.values import Lane, Targets, legible

#: Attribute of a database connection: its announcements that have not run yet.
WAITING = "_invalidation_waiting"
Key = tuple[Targets, str, str, str, str]


class Announcement:
    """An on-commit hook for one event. The first to run after a commit speaks for all of its transaction.

    Django drops the hooks of a rolled-back savepoint, and with them the last reference to this object.
    """

    __slots__ = ("__weakref__", "database", "event")
    __qualname__ = "invalidation.Announcement"  # Django logs the name of a hook that fails

    def __init__(self, database: str, event: Event) -> None:
        self.database = database
        self.event = event

    def __call__(self) -> None:
        """Announce every event of the transaction, unless another has done so."""
        untold = _waiting(connections[self.database]).untold
        if self not in untold:
            return
        events = [announcement.event for announcement in untold]
        untold.clear()
        uids = [str(event.uid) for event in events]
        lane = min((event.lane for event in events), key=Lane.values.index)
        tell(event_recorded, "announcement_failed", database=self.database, uids=uids, lane=lane)


class Waiting:
    """Announcements of one connection that Django still holds."""

    __slots__ = ("newest", "untold")

    def __init__(self) -> None:
        self.newest: weakref.WeakValueDictionary[Key, Announcement] = weakref.WeakValueDictionary()
        """By what they announce."""
        self.untold: weakref.WeakSet[Announcement] = weakref.WeakSet()

    def add(self, key: Key, announcement: Announcement) -> None:
        """Until it has run or is rolled back."""
        self.newest[key] = announcement
        self.untold.add(announcement)


def _waiting(connection: BaseDatabaseWrapper) -> Waiting:
    if not hasattr(connection, WAITING):
        setattr(connection, WAITING, Waiting())
    waiting: Waiting = getattr(connection, WAITING)
    return waiting


def _standing(connection: BaseDatabaseWrapper, key: Key) -> Event | None:
    """An equal event of the open transaction, if it was not rolled back with its savepoint.

    A hook that writes while Django runs the hooks must not meet the event of the transaction that is over: a worker
    may have claimed it.
    """
    announcement = _waiting(connection).newest.get(key)
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

    A failing insert raises: a change whose event can't be stored must not commit. A database without an outbox
    can't share a transaction with one: its event is stored in the first outbox once the change has committed.
    """
    key = (targets, source, lane, reason, tiers)
    outboxes = conf.settings().databases
    connection = connections[using if using in outboxes else outboxes[0]]
    if standing := _standing(connection, key):
        return standing
    event = Event(
        source=source,
        actor=context.actor() if actor is None else actor,
        reason=legible(reason)[:255],
        correlation_id=context.correlation_id(),
        lane=lane,
        tiers=tiers,
        targets=targets.document(),
    )
    if using in outboxes or not connections[using].in_atomic_block:
        _store(connection, key, event)
    else:
        transaction.on_commit(partial(_store, connection, key, event), using=using, robust=True)
    return event


def _store(connection: BaseDatabaseWrapper, key: Key, event: Event) -> None:
    _insert(connection, event)
    if connection.in_atomic_block or connection.get_autocommit():  # else: no hooks (set_autocommit(False)); swept
        announcement = Announcement(connection.alias, event)
        _waiting(connection).add(key, announcement)
        on_commit(connection, announcement)


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

"""The outbox: events are inserted in the caller's transaction, and announced once after its commit."""

from __future__ import annotations

import weakref
from collections.abc import Sequence

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from invalidation import conf, context
from invalidation.commit_hooks import Own, after_commit, in_testcase, on_commit, own_transaction
from invalidation.models import Event, ScheduledEvent
from invalidation.pipeline.before_commit import LastMoment, last_moment
from invalidation.rows import events
from invalidation.rows.events import Fact
from invalidation.signals import committed, event_recorded, tell
from invalidation.targets.values import Manner, Targets, legible, most_urgent

#: Attribute of a database connection: its announcements that have not run yet.
WAITING = "_invalidation_waiting"
Key = tuple[Targets, str, Manner, str, str]


class Announcement:
    """An on-commit hook for one event. The first to run after a commit speaks for all of its transaction.

    Django drops the hooks of a rolled-back savepoint, and with them the last reference to this object.
    """

    __slots__ = ("__weakref__", "database", "event", "fact", "own")
    __qualname__ = "invalidation.Announcement"  # Django logs the name of a hook that fails

    def __init__(self, database: str, fact: Fact, event: Event | None, own: Own | None) -> None:
        self.database = database
        self.fact = fact
        self.event = event
        """The stored row, for those who asked for it."""
        self.own = own
        """The transaction of the application that it belongs to."""

    def __call__(self) -> None:
        """Make cached values stale and announce every event of the transaction, unless another has done so."""
        connection = connections[self.database]
        untold = _waiting(connection).untold
        if self not in untold:
            return
        _last_moment(connection).write()  # nothing is left, but where a test runs the hooks
        facts = [announcement.fact for announcement in untold]
        tell(committed, "replacement_failed", targets=[fact.targets for fact in facts])
        untold.clear()
        _tell_stored(connection, facts)


class Waiting:
    """Announcements of one connection that Django still holds."""

    __slots__ = ("newest", "untold")

    def __init__(self) -> None:
        self.newest: weakref.WeakValueDictionary[Key, Announcement] = weakref.WeakValueDictionary()
        """By what they announce."""
        self.untold: weakref.WeakSet[Announcement] = weakref.WeakSet()

    @property
    def cause(self) -> str:
        """Id of the transaction's events where no other is bound, so that one follows them all; "" for the first."""
        return next((announcement.fact.correlation_id for announcement in self.untold), "")

    def add(self, key: Key, announcement: Announcement) -> None:
        """Hold an announcement until it has run or is rolled back."""
        self.newest[key] = announcement
        self.untold.add(announcement)


def is_owed(connection: BaseDatabaseWrapper) -> bool:
    """Is it running the hooks of a commit of which nobody was told yet? Then caches still hold what it changed."""
    waiting: Waiting | None = getattr(connection, WAITING, None)
    return waiting is not None and not connection.in_atomic_block and bool(waiting.untold)


def _waiting(connection: BaseDatabaseWrapper) -> Waiting:
    if not hasattr(connection, WAITING):
        setattr(connection, WAITING, Waiting())
    waiting: Waiting = getattr(connection, WAITING)
    return waiting


def _last_moment(connection: BaseDatabaseWrapper) -> LastMoment:
    return last_moment(connection, Event._meta.db_table, _insert, _tell_stored)


def _insert(connection: BaseDatabaseWrapper, waiting: Sequence[Announcement | Fact]) -> None:
    events.insert_many(connection, [one if isinstance(one, Fact) else one.fact for one in waiting])


def _tell_stored(connection: BaseDatabaseWrapper, facts: Sequence[Fact]) -> None:
    uids = [str(fact.uid) for fact in facts]
    lane = most_urgent(fact.lane for fact in facts)
    told = {"database": connection.alias, "uids": uids, "lane": lane, "correlation_id": facts[0].correlation_id}
    kinds = [(fact.lane, fact.source) for fact in facts]
    tell(event_recorded, "announcement_failed", **told, kinds=kinds)


def _standing(connection: BaseDatabaseWrapper, key: Key) -> Announcement | None:
    """That of an equal event of the open transaction, if it was not rolled back with its savepoint.

    A hook that writes while Django runs the hooks must not meet the event of the transaction that is over: a worker
    may have claimed it. Nor must what a test of Django's TestCase does meet what it did before: to the application
    these are transactions of their own.
    """
    standing = _waiting(connection).newest.get(key)
    if standing is None or standing.own is None or standing.own != own_transaction(connection):
        return None
    held = any(hook[1] is standing for hook in reversed(connection.run_on_commit))
    return standing if held else None


def record(
    targets: Targets,
    *,
    using: str,
    source: str,
    manner: Manner = Manner(),  # noqa: B008 (frozen)
    actor: str | None = None,
    reason: str = "",
    tiers: str = "",
) -> Event:
    """Store that `targets` became stale; an equal event of the same open transaction serves again.

    A failing insert raises: a change whose event can't be stored must not commit. A database without an outbox
    can't share a transaction with one: its event is stored in the first outbox once the change has committed, whatever
    becomes of a transaction that is open there.
    """
    key = (targets, source, manner, reason, tiers)
    connection = _outbox_of(using)
    if using != connection.alias and (connections[using].in_atomic_block or own_transaction(connection)):
        fact = _fact(connection, key, actor)
        _store_apart(connection, key, fact, using)
        return fact.event()
    if (standing := _standing(connection, key)) and standing.event:
        return standing.event
    fact = _fact(connection, key, actor)
    event = events.insert(connection, fact)
    _announce(connection, key, fact, event)
    return event


def note(targets: Targets, *, using: str, source: str, manner: Manner, because: str = "") -> None:
    """As `record`, for those who don't go on with the row: the rows of one transaction are inserted when it ends.

    `because` tells people what was written; an event of the same targets serves again whatever its own says.
    """
    key = (targets, source, manner, "", "")
    connection = _outbox_of(using)
    if using != connection.alias:
        _store_apart(connection, key, _fact(connection, key, because=because), using)
    elif not _standing(connection, key):
        _store(connection, key, _fact(connection, key, because=because))


def note_scheduled(targets: Targets, scheduled: ScheduledEvent, *, using: str) -> None:
    """As `note`, for what was to become an event at this time: under its own uid, in the caller's transaction."""
    same = ("source", "actor", "reason", "correlation_id", "traceparent", "lane", "mode", "tiers", "uid")
    fact = Fact(targets=targets.document(), **{name: getattr(scheduled, name) for name in same})
    _store(connections[using], (targets, fact.source, Manner(fact.lane, fact.mode), fact.reason, fact.tiers), fact)


def _outbox_of(using: str) -> BaseDatabaseWrapper:
    outboxes = conf.settings().databases
    return connections[using if using in outboxes else outboxes[0]]


def _store_apart(connection: BaseDatabaseWrapper, key: Key, fact: Fact, using: str) -> None:
    """In an outbox that knows nothing of transactions on the database `using`: once they have committed."""
    if connections[using].in_atomic_block:
        after_commit(using, _store_regardless, connection, key, fact)
    else:
        _store_regardless(connection, key, fact)


def _store_regardless(connection: BaseDatabaseWrapper, key: Key, fact: Fact) -> None:
    own = own_transaction(connection)
    if own is None or in_testcase(connection):
        _store(connection, key, fact)
    else:
        tell(committed, "replacement_failed", targets=[fact.targets])
        _last_moment(connection).keep(fact)


def _fact(connection: BaseDatabaseWrapper, key: Key, actor: str | None = None, because: str = "") -> Fact:
    targets, source, (lane, mode), reason, tiers = key
    who = context.actor() if actor is None else actor
    cause, words = context.correlation_id() or _waiting(connection).cause, legible(reason or because)[:255]
    return Fact(source, who, words, cause, lane, mode, tiers, targets.document(), traceparent=context.traceparent())


def _store(connection: BaseDatabaseWrapper, key: Key, fact: Fact) -> None:
    if own_transaction(connection) is None:
        events.insert_many(connection, [fact])
        _announce(connection, key, fact)
    elif announcement := _announce(connection, key, fact):
        _last_moment(connection).add(announcement)


def _announce(connection: BaseDatabaseWrapper, key: Key, fact: Fact, event: Event | None = None) -> Announcement | None:
    if not (connection.in_atomic_block or connection.get_autocommit()):
        return None  # no hooks: set_autocommit(False); swept
    announcement = Announcement(connection.alias, fact, event, own_transaction(connection))
    _waiting(connection).add(key, announcement)
    on_commit(connection, announcement)
    return announcement

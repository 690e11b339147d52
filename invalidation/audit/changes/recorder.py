"""The notes of PostgreSQL's databases: put there, looked at, taken away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from invalidation import conf
from invalidation.audit.changes.statements import (
    COLUMNS,
    CREATE,
    EVENTS,
    MOST,
    REFERENCING,
    ROOM,
    TABLE,
    VERBS,
    Note,
    note_of,
    quoted,
)
from invalidation.audit.changes.watched import Watched, watched
from invalidation.models import Event

#: Installing waits no longer for a table, and whoever wants it waits behind.
LOCK_TIMEOUT_MILLISECONDS = 3000
STANDING = """
SELECT column_name FROM information_schema.columns WHERE table_name = %s AND table_schema = current_schema()
ORDER BY ordinal_position
"""
WITH_JSON = "SELECT DISTINCT table_name FROM information_schema.columns WHERE data_type = 'json'"
EXISTING = """
SELECT function.proname, function.prosrc,
    coalesce(array_agg(it.tgrelid::regclass::text) FILTER (WHERE it.oid IS NOT NULL), '{}')
FROM pg_proc AS function LEFT JOIN pg_trigger AS it ON it.tgfoid = function.oid
WHERE function.proname LIKE 'invalidation\\_audit\\_%' AND function.pronamespace = current_schema()::regnamespace
GROUP BY function.oid, function.proname, function.prosrc
"""


def noting(connection: BaseDatabaseWrapper) -> list[Note]:
    """What is to be there: the notes of events first, so that no change is noted without its event."""
    schema = _asked(connection, "current_schema()")
    outbox = connection.alias in conf.settings().databases
    events = Watched(Event, ("id",), ("id",), ())
    notes = [note_of(schema, events, "INSERT", limit=EVENTS, most=2 * MOST)] if outbox else []
    for one in watched(connection.alias):
        notes += [note_of(schema, one, verb) for verb in VERBS]
    return notes


def install(connection: BaseDatabaseWrapper) -> list[str]:
    """Create the table and what is missing of the triggers; returns tables that can't be watched.

    Each trigger is a transaction of its own, which waits for its table for three seconds at most.
    """
    _make_table(connection)
    tables, notes, present = _tables(connection) - _with_json(connection), noting(connection), existing(connection)
    for note in notes:
        if note.table in tables:
            _put(connection, note, standing=bool(present.get(note.name, ("", []))[1]))
    return sorted({note.table for note in notes} - tables)


def _make_table(connection: BaseDatabaseWrapper) -> None:
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(STANDING, [TABLE])
        if (columns := tuple(name for (name,) in cursor.fetchall())) and columns != COLUMNS:
            cursor.execute(f"DROP TABLE {quoted(TABLE)}")
        cursor.execute(CREATE.format(table=quoted(TABLE), room=quoted(ROOM)))


def _with_json(connection: BaseDatabaseWrapper) -> set[str]:
    """Tables with a column of the type json, which may hold what to_jsonb() refuses, and so fail a write."""
    with connection.cursor() as cursor:
        cursor.execute(WITH_JSON)
        return {name for (name,) in cursor.fetchall()}


def _put(connection: BaseDatabaseWrapper, note: Note, *, standing: bool) -> None:
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MILLISECONDS}")
        cursor.execute(note.body)
        if not standing:
            cursor.execute(
                f"CREATE TRIGGER {quoted(note.name)} AFTER {note.verb} ON {quoted(note.table)} {REFERENCING[note.verb]}"
                f" FOR EACH STATEMENT EXECUTE FUNCTION {quoted(note.name)}()"
            )


def remove(connection: BaseDatabaseWrapper) -> int:
    """Drop all of it, whatever is registered by now; returns how many triggers there were."""
    found = existing(connection)
    for name, (_, tables) in found.items():
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MILLISECONDS}")
            for table in tables:
                cursor.execute(f"DROP TRIGGER IF EXISTS {quoted(name)} ON {table}")  # as PostgreSQL quotes it
            cursor.execute(f"DROP FUNCTION {quoted(name)}()")
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {quoted(TABLE)}; DROP SEQUENCE IF EXISTS {quoted(ROOM)}")
    return sum(len(tables) for _, tables in found.values())


def existing(connection: BaseDatabaseWrapper) -> Mapping[str, tuple[str, Sequence[str]]]:
    """By name: the source of each function, and the tables that call it."""
    with connection.cursor() as cursor:
        cursor.execute(EXISTING)
        return {name: (source, tables) for name, source, tables in cursor.fetchall()}


def is_installed(connection: BaseDatabaseWrapper) -> bool:
    """Is the table there?"""
    return TABLE in _tables(connection)


def outdated(connection: BaseDatabaseWrapper) -> list[str]:
    """Tables that are not watched, or not as the rules have it by now."""
    present, tables = existing(connection), _tables(connection) - _with_json(connection)
    notes = (note for note in noting(connection) if note.table in tables)
    return sorted({note.table for note in notes if not _stands(note, *present.get(note.name, ("", [])))})


def _stands(note: Note, source: str, tables: Sequence[str]) -> bool:
    return bool(tables) and source.strip() in note.body


def auditable() -> list[BaseDatabaseWrapper]:
    """Connections of the databases that can be audited: PostgreSQL's, without replicas, which show another's notes.

    Raises:
        DatabaseError: one does not answer.
    """
    return [one for one in connections.all() if one.vendor == "postgresql" and not _asked(one, "pg_is_in_recovery()")]


def _tables(connection: BaseDatabaseWrapper) -> set[str]:
    """Real ones: views have no such triggers."""
    with connection.cursor() as cursor:
        return {table.name for table in connection.introspection.get_table_list(cursor) if table.type in ("t", "p")}


def _asked(connection: BaseDatabaseWrapper, function: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}")
        return cursor.fetchone()[0]

"""What the triggers have noted, read in portions; and what is old forgotten."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model

from invalidation.audit.changes import expected, unrecorded
from invalidation.audit.changes.statements import MOST, ROOM, TABLE, quoted
from invalidation.audit.changes.watched import watched
from invalidation.audit.facts import Change, Recorded
from invalidation.models import Event

#: Rows in memory at a time, and removed by one statement.
PORTION, REMOVED_AT_ONCE = 500, 20_000
CHANGES = """
SELECT transaction, at, relation, verb, rows, known, query, application, role FROM {table}
WHERE relation <> %s AND at >= clock_timestamp() - %s::interval AND at <= clock_timestamp() - %s::interval
ORDER BY at DESC LIMIT %s
"""
EVENTS = """
SELECT noted.transaction, noted.at, event.source, event.targets
FROM {table} AS noted CROSS JOIN LATERAL jsonb_array_elements(noted.known) AS one
LEFT JOIN {events} AS event ON event.id = (one -> 'new' ->> 'id')::bigint
WHERE noted.relation = %s AND noted.at >= clock_timestamp() - %s::interval
"""
REMOVAL = """
WITH old AS (SELECT id FROM {table} WHERE at < clock_timestamp() - %s::interval LIMIT %s)
DELETE FROM {table} USING old WHERE {table}.id = old.id
"""
USED = "SELECT last_value FROM {room}"
EMPTIED = "SELECT setval('{room}', (SELECT count(*) + 1 FROM {table}))"


@dataclass(slots=True)
class Changes:
    """Of one database."""

    changes: list[Change] = field(default_factory=list)
    unknown: int = 0
    """Statements of which nothing can be told."""

    is_whole: bool = True
    is_full: bool = False
    """Was there no room for what came last?"""


def changes(connection: BaseDatabaseWrapper, since: timedelta, settle: timedelta, limit: int) -> Changes:
    """The newest statements since then, but for those that are so new that their events may be on their way."""
    found, models = Changes(), {one.table: one.model for one in watched(connection.alias)}
    for number, row in enumerate(
        _rows(connection, CHANGES, [Event._meta.db_table, str(since), str(settle), limit + 1])
    ):
        if number == limit:
            found.is_whole = False
            break
        _add(found, connection.alias, models, row)
    found.is_full = _used(connection) > MOST
    return found


def _add(found: Changes, database: str, models: Mapping[str, type[Model]], row: Any) -> None:
    number, at, table, verb, rows, known, query, application, role = row
    model = models.get(table)
    if model is None:  # no longer registered
        return
    try:
        all_tags = expected.of_table(model) if verb == "TRUNCATE" else expected.of_rows(model, _read(known), database)
        tags = frozenset(all_tags)
    except expected.Unknown:
        found.unknown += 1
        return
    timed = expected.is_timed(model)
    who = {"query": query, "application": application, "role": role}
    found.changes.append(Change((database, number), at, table, verb, rows, tags, is_timed=timed, **who))


def events(connection: BaseDatabaseWrapper, since: timedelta, wanted: Collection[str]) -> Iterator[Recorded]:
    """The events that were stored since then; one that was pruned by now may have named anything."""
    for number, at, source, targets in _rows(connection, EVENTS, [Event._meta.db_table, str(since)]):
        yield unrecorded.recorded((connection.alias, number), at, source or "", _read(targets), wanted)


def forget(connection: BaseDatabaseWrapper, older_than: timedelta) -> None:
    """Remove older notes, and make room for as many new ones."""
    with connection.cursor() as cursor:
        while True:
            cursor.execute(REMOVAL.format(table=quoted(TABLE)), [str(older_than), REMOVED_AT_ONCE])
            if cursor.rowcount < REMOVED_AT_ONCE:
                break
        cursor.execute(EMPTIED.format(table=quoted(TABLE), room=ROOM))


def _used(connection: BaseDatabaseWrapper) -> int:
    with connection.cursor() as cursor:
        cursor.execute(USED.format(room=ROOM))
        return int(cursor.fetchone()[0])


def _rows(connection: BaseDatabaseWrapper, statement: str, values: list[Any]) -> Iterator[Any]:
    pooled = connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS")  # between statements, by another program
    with connection.cursor() if pooled else connection.chunked_cursor() as cursor:
        cursor.execute(statement.format(table=quoted(TABLE), events=quoted(Event._meta.db_table)), values)
        while rows := cursor.fetchmany(PORTION):
            yield from rows


def _read(document: Any) -> Any:
    """JSON, which Django leaves to its fields."""
    return json.loads(document) if isinstance(document, str) else document

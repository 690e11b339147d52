"""The statements that make PostgreSQL note what is written to a table. Pure.

A note costs the writing statement one more INSERT. It fails no write: where its table is gone or full nothing is noted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from invalidation.audit.changes.watched import Watched

TABLE = "invalidation_audit"
PREFIX = "invalidation_audit_"
#: Counts what was noted since there was room.
ROOM = "invalidation_audit_room"
#: Statements that are noted until somebody makes room; events have as much again, so that no change is noted without.
MOST = 500_000
#: Rows of a statement of which the tags are known, and no further than to which they are counted.
ROWS, COUNTED = 100, 1000
EVENTS = 10_000
VERBS = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")
#: Bytes of a name.
NAME_BYTES = 63

CREATE = """
CREATE TABLE IF NOT EXISTS {table} (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    transaction bigint NOT NULL DEFAULT txid_current(),
    relation text NOT NULL,
    verb text NOT NULL,
    rows bigint NOT NULL,
    known jsonb NOT NULL,
    query text NOT NULL,
    application text NOT NULL DEFAULT current_setting('application_name'),
    role text NOT NULL DEFAULT session_user
);
CREATE INDEX IF NOT EXISTS invalidation_audit_at ON {table} (at);
CREATE SEQUENCE IF NOT EXISTS {room};
"""
#: A query without its values: comments, texts, what stands between dollars, and numbers. In one pass, so that a quote
#: in a comment begins no text; what was cut off is taken for the rest of a value.
VALUES = (
    r"/\*([^*]|\*+[^*/])*(\*+/|$)|--[^\n]*"
    r"|[eE]'([^'\\]|''|\\.)*\\?('|$)|'([^']|'')*('|$)|\$[A-Za-z_]*\$.*|\m[0-9][0-9.]*"
)
QUERY = (
    "left(regexp_replace(regexp_replace(regexp_replace("
    "left(current_query(), 1000), {values}, '?', 'g'), '\\s+', ' ', 'g'), '\\?( ?, ?\\?)+', '?, …', 'g'), 500)"
)
FUNCTION = """
CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    counted bigint := 1;
    known jsonb := '[]';
BEGIN
    IF to_regclass({room_name}) IS NULL OR to_regclass({table_name}) IS NULL THEN RETURN NULL; END IF;
    {look}
    IF counted = 0 OR nextval({room_name}) > {most} THEN RETURN NULL; END IF;
    INSERT INTO {table} (relation, verb, rows, known, query)
    VALUES ({relation}, '{verb}', counted, known, {query});
    RETURN NULL;
END
$body$;
REVOKE ALL ON FUNCTION {function}() FROM PUBLIC
"""
#: Of the table, for one of another version is made anew: a note that doesn't fit it would fail the write.
COLUMNS = ("id", "at", "transaction", "relation", "verb", "rows", "known", "query", "application", "role")
#: Rows are looked at once: to make JSON of a row takes as long as to write the note.
LOOK = (
    "SELECT count(*), coalesce(jsonb_agg(one) FILTER (WHERE place <= {limit}), '[]') INTO counted, known"
    " FROM (SELECT row_number() OVER () AS place, jsonb_build_object({sides}) AS one {changed} LIMIT {counted}) AS few;"
)
#: The states of a row.
SIDES = ("old", "new")
#: OFFSET keeps the planner from making JSON of the row anew for each column that is asked of it.
ROW = "(SELECT to_jsonb({side}_rows) AS it FROM {side}_rows OFFSET 0) AS {side}_row"
REFERENCING = {
    "INSERT": "REFERENCING NEW TABLE AS new_rows",
    "UPDATE": "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "DELETE": "REFERENCING OLD TABLE AS old_rows",
    "TRUNCATE": "",
}


class Note(NamedTuple):
    """A trigger with its function."""

    name: str
    table: str
    verb: str
    body: str
    """The statement that makes its function."""


def name_of(table: str, verb: str) -> str:
    """Of a trigger and of its function: PostgreSQL cuts longer names, and two tables must not share one."""
    name = f"{PREFIX}{verb.lower()}_{table}"
    if len(name.encode()) <= NAME_BYTES:
        return name
    return f"{PREFIX}{verb.lower()}_{hashlib.blake2s(table.encode(), digest_size=12).hexdigest()}"


def note_of(schema: str, one: Watched, verb: str, *, limit: int = ROWS, most: int = MOST) -> Note:
    """What notes statements of a kind on a table, in the table of this schema."""
    name = name_of(one.table, verb)
    table, room = (f"{quoted(schema)}.{quoted(known)}" for known in (TABLE, ROOM))
    body = FUNCTION.format(
        function=quoted(name),
        table=table,
        table_name=_text(table),
        room_name=_text(room),
        most=most,
        relation=_text(one.table),
        verb=verb,
        look=_look(one, verb, limit),
        query=QUERY.format(values=_text(VALUES)),
    )
    return Note(name, one.table, verb, body)


def _look(one: Watched, verb: str, limit: int) -> str:
    """None at a table that was emptied: nobody knows of its rows any more."""
    if verb == "TRUNCATE":
        return ""
    sides = [side for side in SIDES if f"{side}_rows" in REFERENCING[verb]]
    columns = ", ".join(f"'{side}', {_columns(one.recorded, side)}" for side in sides)
    return LOOK.format(sides=columns, changed=_changed(one, verb), limit=limit, counted=max(limit, COUNTED))


def _columns(columns: Sequence[str], side: str) -> str:
    """In parts: a function of PostgreSQL takes a hundred arguments."""
    parts = [columns[start : start + 40] for start in range(0, len(columns), 40)]
    named = (", ".join(f"{_text(column)}, {_value(side, column)}" for column in part) for part in parts)
    return " || ".join(f"jsonb_build_object({part})" for part in named)


def _value(side: str, column: str) -> str:
    """By the name of the column as text: the function must not fail where a migration has removed it."""
    return f"{side}_row.it -> {_text(column)}"


def _changed(one: Watched, verb: str) -> str:
    """The rows that are not as they were."""
    if verb != "UPDATE":
        return f"FROM {ROW.format(side='new' if verb == 'INSERT' else 'old')}"
    same = " AND ".join(f"{_value('old', key)} = {_value('new', key)}" for key in one.keys)
    ignored = f"ARRAY[{', '.join(map(_text, one.ignored))}]::text[]"
    return (
        f"FROM {ROW.format(side='old')} FULL JOIN {ROW.format(side='new')} ON {same}"
        f" WHERE old_row.it - {ignored} IS DISTINCT FROM new_row.it - {ignored}"
    )


def quoted(name: str) -> str:
    """A name of SQL."""
    return name if name.startswith('"') and name.endswith('"') else '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    """A constant of SQL."""
    return "'" + text.replace("'", "''") + "'"

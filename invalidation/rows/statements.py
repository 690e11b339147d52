"""Statements that are composed once per database, where composing one takes longer than executing it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from django.db import connections, models

#: Rows of one statement.
AT_ONCE = 500


class Insertion(NamedTuple):
    """An INSERT without its rows."""

    columns: Sequence[models.Field[Any, Any]]
    beginning: str
    marks: str
    returning: str


@cache
def insertion(database: str, model: type[models.Model]) -> Insertion:
    """Of whole rows of a model, whose keys the database chooses."""
    connection = connections[database]
    quote = connection.ops.quote_name
    columns = [column for column in model._meta.concrete_fields if not column.primary_key]
    names = ", ".join(quote(column.column or "") for column in columns)
    marks = f"({', '.join(['%s'] * len(columns))})"
    returning = " RETURNING id" if connection.features.can_return_rows_from_bulk_insert else ""
    return Insertion(columns, f"INSERT INTO {quote(model._meta.db_table)} ({names}) VALUES ", marks, returning)  # noqa: S608 (column names)


def values(database: str, row: models.Model) -> list[Any]:
    """Those of a row's columns, in the order of its insertion."""
    connection = connections[database]
    columns = insertion(database, type(row)).columns
    return [column.get_db_prep_save(getattr(row, column.attname), connection) for column in columns]


def insert(database: str, model: type[models.Model], rows: Sequence[Sequence[Any]]) -> list[int]:
    """Their keys; without those that the database doesn't tell, but for a single row."""
    keys: list[int] = []
    for first in range(0, len(rows), AT_ONCE):
        keys += _inserted(database, insertion(database, model), rows[first : first + AT_ONCE])
    return keys if len(keys) == len(rows) else []


def _inserted(database: str, into: Insertion, rows: Sequence[Sequence[Any]]) -> list[int]:
    statement = into.beginning + ", ".join([into.marks] * len(rows)) + into.returning
    with connections[database].cursor() as cursor:
        cursor.execute(statement, [value for row in rows for value in row])
        if into.returning:
            return [key for (key,) in cursor.fetchall()]
        return [cursor.lastrowid] if len(rows) == 1 else []


def write(database: str, rows: Sequence[models.Model], columns: Sequence[str], untouched: str) -> bool:
    """One UPDATE, executed for each row, which drivers send together; were all of them as `untouched` says?"""
    if not rows:
        return True
    connection, model = connections[database], type(rows[0])
    fields = _fields(model, columns)
    written = [
        [*(field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields), row.pk] for row in rows
    ]
    with connection.cursor() as cursor:
        cursor.executemany(_update(database, model, tuple(columns), untouched), written)
        return bool(cursor.rowcount == len(rows))


def _fields(model: type[models.Model], names: Sequence[str]) -> list[models.Field[Any, Any]]:
    by_name = {field.name: field for field in model._meta.concrete_fields}
    return [by_name[name] for name in names]


@cache
def _update(database: str, model: type[models.Model], columns: Sequence[str], untouched: str) -> str:
    quote = connections[database].ops.quote_name
    written = ", ".join(f"{quote(field.column or '')} = %s" for field in _fields(model, columns))
    return f"UPDATE {quote(model._meta.db_table)} SET {written} WHERE id = %s AND {untouched}"  # noqa: S608

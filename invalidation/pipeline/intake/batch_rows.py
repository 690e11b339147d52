"""Stores a new batch and its deliveries, by statements that are composed once per database."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from django.db import connections, models

from invalidation.models import Batch, Delivery

#: Columns in which the deliveries of a new batch differ.
OWN = ("tier", "node")
#: Deliveries of one statement.
AT_ONCE = 500


class _Insertion(NamedTuple):
    """An INSERT without its rows."""

    columns: Sequence[models.Field[Any, Any]]
    beginning: str
    marks: str
    returning: str


@cache
def _insertion(database: str, model: type[models.Model]) -> _Insertion:
    connection = connections[database]
    quote = connection.ops.quote_name
    columns = [column for column in model._meta.concrete_fields if not column.primary_key]
    names = ", ".join(quote(column.column or "") for column in columns)
    marks = f"({', '.join(['%s'] * len(columns))})"
    returning = " RETURNING id" if connection.features.can_return_rows_from_bulk_insert else ""
    return _Insertion(columns, f"INSERT INTO {quote(model._meta.db_table)} ({names}) VALUES ", marks, returning)  # noqa: S608 (column names)


class Birth:
    """A batch and its deliveries as they were before anybody went on with them."""

    def __init__(self, database: str, batch: Batch, rows: Sequence[Delivery]) -> None:
        self.database, self.batch, self.rows = database, batch, rows
        self._batch_values = self._values(batch)
        self._row_values = self._alike(rows) if rows else []

    def store(self) -> None:
        """Insert them; the objects learn their keys."""
        [self.batch.pk] = self._stored(Batch, [self._batch_values]) or [self._last_key]
        place = [column.name for column in _insertion(self.database, Delivery).columns].index("batch")
        for values in self._row_values:
            values[place] = self.batch.pk
        keys: list[int] = []
        for first in range(0, len(self.rows), AT_ONCE):
            keys += self._stored(Delivery, self._row_values[first : first + AT_ONCE])
        for row, key in zip(self.rows, keys or self._keys(), strict=True):
            row.pk = key
            row.__dict__["batch_id"] = self.batch.pk  # Django would forget `row.batch`, which others are reading
        for stored in (self.batch, *self.rows):
            stored._state.adding, stored._state.db = False, self.database

    def _values(self, row: models.Model) -> list[Any]:
        connection = connections[self.database]
        columns = _insertion(self.database, type(row)).columns
        return [column.get_db_prep_save(getattr(row, column.attname), connection) for column in columns]

    def _alike(self, rows: Sequence[Delivery]) -> list[list[Any]]:
        """The values of each; they are computed once, for new deliveries differ in little."""
        common = self._values(rows[0])
        names = [column.name for column in _insertion(self.database, Delivery).columns]
        places = [(names.index(name), name) for name in OWN]
        found = []
        for row in rows:
            found.append(values := common.copy())
            for place, name in places:
                values[place] = getattr(row, name)
        return found

    def _stored(self, model: type[models.Model], many: Sequence[Sequence[Any]]) -> list[int]:
        """Their keys, as far as the database tells."""
        insertion = _insertion(self.database, model)
        statement = insertion.beginning + ", ".join([insertion.marks] * len(many)) + insertion.returning
        with connections[self.database].cursor() as cursor:
            cursor.execute(statement, [value for values in many for value in values])
            self._last_key = cursor.lastrowid if not insertion.returning else 0
            return [key for (key,) in cursor.fetchall()] if insertion.returning else []

    def _keys(self) -> list[int]:
        """MySQL doesn't tell the keys of rows that were stored together."""
        stored = Delivery.objects.using(self.database).filter(batch_id=self.batch.pk)
        by_place = {(tier, node): key for key, tier, node in stored.values_list("pk", "tier", "node")}
        return [by_place[row.tier, row.node] for row in self.rows]

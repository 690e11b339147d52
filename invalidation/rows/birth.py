"""A new batch and its deliveries, as they are stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from invalidation.models import Batch, Delivery
from invalidation.rows import batches, deliveries, statements

#: Columns in which the deliveries of a new batch differ.
OWN = ("tier", "node")


class Birth:
    """A batch and its deliveries as they were before anybody went on with them."""

    def __init__(self, database: str, batch: Batch, rows: Sequence[Delivery]) -> None:
        self.database, self.batch, self.rows = database, batch, rows
        self._batch_values = statements.values(database, batch)
        self._row_values = self._alike(rows) if rows else []

    def store(self) -> None:
        """Insert them; the objects learn their keys."""
        self.batch.pk = batches.insert(self.database, self._batch_values)
        place = self._places().index("batch")
        for values in self._row_values:
            values[place] = self.batch.pk
        keys = deliveries.insert(self.database, self._row_values) or self._keys()
        for row, key in zip(self.rows, keys, strict=True):
            row.pk = key
            row.__dict__["batch_id"] = self.batch.pk  # Django would forget `row.batch`, which others are reading
        for stored in (self.batch, *self.rows):
            stored._state.adding, stored._state.db = False, self.database

    def _places(self) -> list[str]:
        return [column.name for column in statements.insertion(self.database, Delivery).columns]

    def _alike(self, rows: Sequence[Delivery]) -> list[list[Any]]:
        """The values of each; they are computed once, for new deliveries differ in little."""
        common = statements.values(self.database, rows[0])
        names = self._places()
        places = [(names.index(name), name) for name in OWN]
        all_values = []
        for row in rows:
            all_values.append(values := common.copy())
            for place, name in places:
                values[place] = getattr(row, name)
        return all_values

    def _keys(self) -> list[int]:
        """MySQL doesn't tell the keys of rows that were stored together."""
        stored = deliveries.on(self.database).filter(batch_id=self.batch.pk)
        by_place = {(tier, node): key for key, tier, node in stored.values_list("pk", "tier", "node")}
        return [by_place[row.tier, row.node] for row in self.rows]

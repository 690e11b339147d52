"""What a transaction writes at its last moment: before it commits, makes a savepoint, or looks at the table.

Rows of many events cost one INSERT then. Savepoints keep their meaning: what waits was added since the newest of them
was made, for making one writes what waited; so a rollback to any of them takes back all that waits.
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from invalidation import lazy

logger = lazy.Logger(__name__)

#: Attribute of a database connection: its last moment.
ATTRIBUTE = "_invalidation_last_moment"
#: As many rows are written without waiting for more: memory stays small whatever the size of the transaction.
MOST_ROWS = 80
ROLLBACK = re.compile(r"\s*ROLLBACK\b", re.IGNORECASE)
#: Statements after which it would be too late; Django commits by other means, others may write it.
BOUNDARY = re.compile(r"\s*(?:SAVEPOINT|COMMIT|END|PREPARE\s+TRANSACTION)\b", re.IGNORECASE)

Write = Callable[[BaseDatabaseWrapper, Sequence[Any]], None]
Tell = Callable[[BaseDatabaseWrapper, Sequence[Any]], None]


class LastMoment:
    """Holds for one connection what is to be written in its open transaction; weakly, as `Announcement` explains."""

    def __init__(self, connection: BaseDatabaseWrapper, table: str, write: Write, tell: Tell) -> None:
        self._connection = connection
        self._table = table
        self._write = write
        self._tell = tell
        self._commit, self._rollback = connection.commit, connection.rollback
        self._waiting: list[weakref.ref[Any]] = []
        self._kept: list[Any] = []
        # First in the list: `connection.execute_wrapper()` takes its own off the end.
        connection.execute_wrappers.insert(0, self._before_statement)
        connection.commit = self._before_commit  # type: ignore[method-assign]
        connection.rollback = self._after_rollback  # type: ignore[method-assign]

    def add(self, row: Any) -> None:
        """Write `row` by the end of the transaction, unless Django has dropped it by then."""
        self._waiting.append(weakref.ref(row))
        if len(self._waiting) >= MOST_ROWS:
            self.write()

    def keep(self, row: Any) -> None:
        """Write `row` at the end of the transaction however that ends, and tell of it then."""
        self._kept.append(row)

    def write(self) -> None:
        """Write what waits; if that fails, the transaction must not commit."""
        rows = [row for reference in self._waiting if (row := reference()) is not None]
        self._waiting = []
        if not rows:
            return
        try:
            self._write(self._connection, rows)
        except BaseException:
            self._connection.needs_rollback = self._connection.in_atomic_block
            raise

    def _before_statement(
        self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        if self._waiting:
            statement = str(sql)
            if ROLLBACK.match(statement):
                self._waiting = []
            elif BOUNDARY.match(statement) or self._table in statement:
                self.write()
        return execute(sql, params, many, context)

    def _before_commit(self) -> None:
        """Django rolls back after errors of the database alone; here after any, such as an interrupt."""
        try:
            self.write()
            if self._kept:
                self._write(self._connection, self._kept)
        except BaseException:
            self._connection.rollback()
            raise
        self._commit()
        self._tell_kept()

    def _after_rollback(self) -> None:
        self._rollback()
        if not self._kept:
            return
        try:
            self._write(self._connection, self._kept)
            self._commit()
        except DatabaseError:  # it was a rollback that was asked for, and that is done
            logger.exception("events_lost", database=self._connection.alias, events=len(self._kept))
            self._kept = []
            raise
        self._tell_kept()

    def _tell_kept(self) -> None:
        kept, self._kept = self._kept, []
        if kept:
            self._tell(self._connection, kept)


def last_moment(connection: BaseDatabaseWrapper, table: str, write: Write, tell: Tell) -> LastMoment:
    """The connection's, watching it from the first call on."""
    known: LastMoment | None = connection.__dict__.get(ATTRIBUTE)
    if known is None:
        known = LastMoment(connection, table, write, tell)
        setattr(connection, ATTRIBUTE, known)
    return known

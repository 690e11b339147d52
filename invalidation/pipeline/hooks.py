"""On-commit hooks that live exactly as long as what was written before them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper


@dataclass(frozen=True, slots=True)
class SavepointsSoFar:
    """Names of all savepoints that a connection has made, as `BaseDatabaseWrapper.savepoint` numbers them."""

    newest: int

    def __contains__(self, name: str) -> bool:
        number = name.rpartition("x")[2]
        return not number.isdigit() or int(number) <= self.newest


def on_commit(connection: BaseDatabaseWrapper, hook: Callable[[], None]) -> None:
    """Run after the commit; dropped with the rollback to any savepoint made before now.

    Django knows for each hook the savepoints of `atomic()` alone. A rollback by `transaction.savepoint_rollback`
    would leave the hook of a write that is gone.
    """
    connection.on_commit(hook)
    if connection.in_atomic_block and connection.savepoint_state:
        entries: list[Any] = connection.run_on_commit
        _savepoints, function, robust = entries[-1]
        entries[-1] = (SavepointsSoFar(connection.savepoint_state), function, robust)

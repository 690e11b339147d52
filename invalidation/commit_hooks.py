"""On-commit hooks that live exactly as long as what was written before them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, update_wrapper
from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.transaction import Atomic

#: A transaction of the application: its block, and its savepoint where it runs inside Django's TestCase. A function
#: decorated with `atomic` enters the same block each time.
Own = tuple[Atomic, str | None]


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


def after_commit(using: str, function: Callable[..., object], *arguments: Any) -> None:
    """Call it once that database has committed; what fails in it is logged, and stops nobody.

    Django's log names the hook that failed, and fails itself where a `partial` has no name.
    """
    transaction.on_commit(update_wrapper(partial(function, *arguments), function), using=using, robust=True)


def own_transaction(connection: BaseDatabaseWrapper) -> Own | None:
    """The open transaction of the application, if any; the one that Django's TestCase puts around a test is none.

    None too inside `set_autocommit(False)`, where Django neither commits nor runs hooks.
    """
    blocks: list[Any] = connection.atomic_blocks
    if not connection.commit_on_exit:
        return None
    for place, block in enumerate(blocks):
        if not block._from_testcase:
            return block, connection.savepoint_ids[place - 1] if place else None
    return None


def in_testcase(connection: BaseDatabaseWrapper) -> bool:
    """Is the open transaction that of Django's TestCase, which never commits?"""
    blocks: list[Any] = connection.atomic_blocks
    return bool(blocks) and blocks[0]._from_testcase

"""What Django keeps to itself and this app relies on: fails with what has moved, on a version where it has."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models.deletion import Collector
from django.db.transaction import Atomic

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.databases]


def hook() -> None:
    """Does nothing."""


def test_a_hook_is_stored_with_the_savepoints_that_it_depends_on() -> None:
    """`pipeline.hooks.on_commit` replaces the first of the three, and reads the second."""
    with transaction.atomic(), transaction.atomic():
        transaction.on_commit(hook, robust=True)
        entry: Any = connection.run_on_commit[-1]
        assert len(entry) == 3, f"an entry of run_on_commit is {entry!r}"
        savepoints, function, robust = entry
        assert savepoints == set(connection.savepoint_ids)
        assert (function, robust) == (hook, True)


def test_a_rollback_asks_each_hook_whether_it_has_the_savepoint() -> None:
    """`hooks.SavepointsSoFar` answers that by `in`."""

    class Every:
        def __contains__(self, name: str) -> bool:
            return True

    with transaction.atomic():
        with transaction.atomic():
            transaction.on_commit(hook)
            entries: Any = connection.run_on_commit
            entries[-1] = (Every(), hook, False)
            transaction.set_rollback(True)
        assert connection.run_on_commit == []


def test_blocks_and_savepoints_have_the_names_that_are_read() -> None:
    """`pipeline.hooks.own_transaction`, and the numbers by which savepoints are told apart."""
    with transaction.atomic():
        (block,) = connection.atomic_blocks
        assert isinstance(block, Atomic)
        assert vars(block)["_from_testcase"] is False
        with transaction.atomic():
            assert connection.savepoint_ids[0].rpartition("x")[2] == str(connection.savepoint_state)


def test_deletions_name_what_they_began_with() -> None:
    """`emission.receivers.before_delete` collects there."""
    assert "origin" in inspect.signature(Collector.__init__).parameters

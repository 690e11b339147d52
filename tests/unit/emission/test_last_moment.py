"""The rows of one transaction are inserted together when it ends, and mean what they meant if inserted at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from invalidation.models import Event
from tests.fixtures.library.models import Book, Genre
from tests.unit.emission.conftest import Outbox
from tests.unit.emission.databases import quoted

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.databases]


def create(*slugs: str) -> None:
    for slug in slugs:
        Genre.objects.create(slug=slug)


def inserts(queries: CaptureQueriesContext) -> int:
    """How many statements wrote to the outbox."""
    return sum(f"INSERT INTO {quoted(Event._meta.db_table)}" in query["sql"] for query in queries)


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@contextmanager
def rolled_back_by_hand() -> Iterator[None]:
    """In SQL that Django doesn't understand."""
    execute("SAVEPOINT mine")
    yield
    execute("ROLLBACK TO SAVEPOINT mine")


def test_twenty_saves_of_one_transaction_are_1_insert_and_20_events(outbox: Outbox) -> None:
    with CaptureQueriesContext(connection) as queries, transaction.atomic():
        create(*map(str, range(20)))
    assert inserts(queries) == 1
    assert len(outbox.events) == 20
    assert outbox.announced == outbox.stored


def test_a_large_transaction_holds_no_more_than_80_rows_back(outbox: Outbox) -> None:
    with CaptureQueriesContext(connection) as queries, transaction.atomic():
        create(*map(str, range(200)))
    assert inserts(queries) == 3
    assert len(outbox.events) == 200


def test_what_a_released_savepoint_added_goes_with_the_transaction(outbox: Outbox) -> None:
    with transaction.atomic():
        create("before")
        with transaction.atomic():
            create("within")
        create("after")
    assert outbox.urls == {"/genres/before/", "/genres/within/", "/genres/after/"}


def test_a_row_from_before_a_savepoint_survives_its_rollback_however_often_the_table_is_read(outbox: Outbox) -> None:
    with transaction.atomic():
        create("before")
        with transaction.atomic():
            create("within")
            assert len(outbox.events) == 2
            transaction.set_rollback(True)
        create("after")
    assert outbox.urls == {"/genres/before/", "/genres/after/"}
    assert outbox.announced == outbox.stored


def test_a_savepoint_in_sql_of_others_counts_too(outbox: Outbox) -> None:
    with transaction.atomic():
        create("before")
        with rolled_back_by_hand():
            create("within")
        create("after")
    assert outbox.urls == {"/genres/before/", "/genres/after/"}


def test_a_nested_savepoint_in_sql_of_others_counts_too(outbox: Outbox) -> None:
    with transaction.atomic():
        create("before")
        with rolled_back_by_hand():
            create("within")
            execute("SAVEPOINT deeper")
            create("inside")
            execute("RELEASE SAVEPOINT deeper")
        create("after")
    assert outbox.urls == {"/genres/before/", "/genres/after/"}


@contextmanager
def misplaced() -> Iterator[None]:
    """The events' table is not where it should be."""
    table = Event._meta.db_table
    execute(f"ALTER TABLE {table} RENAME TO elsewhere")
    yield
    execute(f"ALTER TABLE elsewhere RENAME TO {table}")


def test_a_change_whose_event_can_not_be_stored_when_it_commits_does_not_happen(outbox: Outbox) -> None:
    with misplaced(), pytest.raises(DatabaseError), transaction.atomic():
        create("lost")
    assert not Genre.objects.exists()
    create("kept")
    assert outbox.urls == {"/genres/kept/"}


def test_a_change_whose_event_can_not_be_stored_at_a_savepoint_can_not_commit(outbox: Outbox) -> None:
    def change() -> None:
        create("lost")
        with pytest.raises(DatabaseError), transaction.atomic():
            pytest.fail("the savepoint was made")

    with misplaced():
        transaction.atomic(change)()
    assert not Genre.objects.exists()
    assert outbox.events == []


def test_a_statement_between_change_and_commit_costs_no_insert(outbox: Outbox, book: Book) -> None:
    with CaptureQueriesContext(connection) as queries, transaction.atomic():
        create("one")
        assert Book.objects.count() == 1
        create("two")
    assert inserts(queries) == 1

"""What one change costs, counted: a guard that times nothing. The numbers stand in the names."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from tests.fixtures.library.models import Author, Genre, Ticket
from tests.unit.emission.conftest import Outbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.databases]


def verbs(work: Callable[[], object]) -> list[str]:
    """First words of the statements that `work` makes."""
    with CaptureQueriesContext(connection) as queries:
        work()
    return [query["sql"].split()[0] for query in queries]


def test_a_save_of_a_loaded_row_is_1_statement_more_than_djangos_1(outbox: Outbox) -> None:
    Genre.objects.create(slug="prose")
    genre = Genre.objects.get()
    genre.slug = "verse"
    assert verbs(genre.save) == ["UPDATE", "INSERT"]


def test_a_save_in_a_transaction_is_4_statements_1_of_them_ours_and_1_announcement(outbox: Outbox) -> None:
    Genre.objects.create(slug="prose")
    genre = Genre.objects.get()
    outbox.forget()
    assert verbs(transaction.atomic(genre.save)) == ["BEGIN", "UPDATE", "INSERT", "COMMIT"]
    assert [len(announcement) for announcement in outbox.announcements] == [1]


def test_20_saves_in_a_transaction_are_23_statements_1_of_them_ours_and_1_announcement(outbox: Outbox) -> None:
    def change() -> None:
        for genre in genres:
            genre.slug += "-again"
            genre.save()

    Genre.objects.bulk_create([Genre(slug=str(number)) for number in range(20)])
    genres = list(Genre.objects.all())
    outbox.forget()
    assert verbs(transaction.atomic(change)) == ["BEGIN", *["UPDATE"] * 20, "INSERT", "COMMIT"]
    assert [len(announcement) for announcement in outbox.announcements] == [20]


def test_a_creation_and_a_deletion_are_1_statement_more_each(outbox: Outbox) -> None:
    assert verbs(lambda: Ticket.objects.create(slug="one")) == ["INSERT", "INSERT"]
    ticket = Ticket.objects.get()
    assert verbs(ticket.delete) == ["BEGIN", "DELETE", "INSERT", "COMMIT"]


def test_loading_rows_is_0_statements_more(outbox: Outbox) -> None:
    Author.objects.create(slug="woolf")
    assert verbs(lambda: list(Author.objects.all())) == ["SELECT"]


def test_an_unregistered_model_is_0_statements_more(outbox: Outbox) -> None:
    assert verbs(lambda: Group.objects.create(name="clerks")) == ["INSERT"]
    assert outbox.events == []

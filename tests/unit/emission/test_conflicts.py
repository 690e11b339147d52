"""Which stored rows given ones may meet: what an upsert is about to overwrite, what ignored conflicts leave."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection, models
from django.db.models import F, Q
from django.test.utils import isolate_apps

from invalidation.emission.rows import conflicts
from invalidation.emission.rows.conflicts import conflicting
from tests.fixtures.library.models import Book

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.databases]


with isolate_apps("tests.fixtures.library"):  # no migration knows it

    class Seat(models.Model):
        """Unique by itself, and in two ways together with others."""

        code = models.CharField(max_length=10, unique=True, null=True)
        row = models.IntegerField()
        place = models.IntegerField()
        side = models.CharField(max_length=5, default="left")
        objects: models.Manager[Seat] = models.Manager()

        class Meta:
            app_label = "library"
            unique_together = (("row", "place"),)
            constraints = (models.UniqueConstraint(fields=["side", "place"], name="seat_of_a_side"),)

    class Checked(models.Model):
        """A constraint that makes nothing unique, and one by an expression alone."""

        row = models.IntegerField()

        class Meta:
            app_label = "library"
            constraints = (
                models.CheckConstraint(condition=models.Q(row__gt=0), name="row_is_positive"),
                models.UniqueConstraint(models.F("row") + 1, name="row_by_expression"),
            )


@pytest.fixture(autouse=True)
def _table(transactional_db: None) -> Iterator[None]:
    with connection.schema_editor() as editor:
        editor.create_model(Seat)
    yield
    with connection.schema_editor() as editor:
        editor.delete_model(Seat)


@pytest.fixture
def seats() -> list[Seat]:
    return [Seat.objects.create(code=f"s{n}", row=n, place=n, side=f"s{n}") for n in range(4)]


def found(*rows: Seat, named: tuple[str, ...] = ()) -> set[str | None]:
    return set(Seat.objects.filter(conflicting(Seat, rows, named)).values_list("code", flat=True))


def test_the_columns_that_an_upsert_names_are_enough(seats: list[Seat]) -> None:
    assert found(Seat(code="s1", row=2, place=2), named=("code",)) == {"s1"}


def test_without_names_a_row_meets_whatever_it_shares_something_unique_with(seats: list[Seat]) -> None:
    assert found(Seat(code="s1", row=9, place=9)) == {"s1"}
    assert found(Seat(code="new", row=2, place=2, side="new")) == {"s2"}
    assert found(Seat(code="new", row=9, place=3, side="s3")) == {"s3"}
    assert found(Seat(pk=seats[0].pk, code="new", row=9, place=9)) == {"s0"}


def test_a_row_that_shares_nothing_meets_none(seats: list[Seat]) -> None:
    assert found(Seat(code="new", row=9, place=9)) == set()


def test_neither_null_nor_what_only_the_database_knows_meets_anything(seats: list[Seat]) -> None:
    assert found(Seat(code=None, row=9, place=9)) == set()
    assert found(Seat(code="new", row=F("place"), place=9)) == set()


def test_of_a_foreign_key_the_column_is_compared_and_of_the_key_itself_the_value() -> None:
    book = Book(pk=7, slug="a", author_id=3)
    assert conflicting(Book, [book], ["author"]) == Q(author_id__in=[3])
    assert conflicting(Book, [book], ["pk"]) == Q(pk__in=[7])
    assert conflicting(Book, [book, Book(slug=F("title"))], ["slug"]) == Q(slug__in=["a"])


def test_what_is_unique_in_a_model_is_its_key_and_what_it_says_of_its_columns() -> None:
    assert list(conflicts._unique(Seat)) == [["pk"], ["code"], ("row", "place"), ("side", "place")]
    assert list(conflicts._unique(Checked)) == [["pk"]]

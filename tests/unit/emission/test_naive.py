"""The same changes under the textbook emitter and under ours: where it is wrong, and that ours is right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.db import IntegrityError, connection, transaction

from tests.fixtures.library.models import Author, Bestseller, Book, Genre
from tests.unit.emission.conftest import Outbox
from tests.unit.emission.naive import naive_emitter

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.databases]

WAVES, YEARS = "/books/waves/", "/books/years/"


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happens to the book at /books/waves/, and whether the textbook emitter copes."""

    name: str
    happen: Callable[[Book], object]
    stale: frozenset[str]
    """Addresses of books that show something else afterwards."""
    naive_copes: bool = False


def retitle(book: Book) -> None:
    book.title = "The Waves"
    book.save()


def rename(book: Book) -> None:
    book.slug = "years"
    book.save()


def unpublish(book: Book) -> None:
    book.public = False
    book.save()


def roll_back(book: Book) -> None:
    with transaction.atomic():
        retitle(book)
        transaction.set_rollback(True)


def fail_at_commit(book: Book) -> None:
    book.author_id = 0
    with pytest.raises(IntegrityError):
        transaction.atomic(book.save)()


def roll_back_a_savepoint(book: Book) -> None:
    with transaction.atomic():
        roll_back(book)


def bulk_update(book: Book) -> None:
    book.title = "The Waves"
    Book.objects.bulk_update([book], ["title"])


def through_a_proxy(book: Book) -> None:
    Bestseller.objects.get(pk=book.pk).save()


def count_a_view(book: Book) -> None:
    book.views += 1
    book.save()


def relate_from_the_other_side(book: Book) -> None:
    Genre.objects.get().books.add(book)


CHANGES = [
    Change("retitled", retitle, frozenset({WAVES}), naive_copes=True),
    Change("deleted", Book.delete, frozenset({WAVES}), naive_copes=True),
    Change("cascaded", lambda book: Author.objects.get().delete(), frozenset({WAVES}), naive_copes=True),
    Change("renamed", rename, frozenset({WAVES, YEARS})),
    Change("unpublished", unpublish, frozenset({WAVES})),
    Change("rolled back", roll_back, frozenset()),
    *[Change("failed at commit", fail_at_commit, frozenset())] * connection.features.can_defer_constraint_checks,
    Change("savepoint rolled back", roll_back_a_savepoint, frozenset()),
    Change("updated", lambda book: Book.objects.update(title="x"), frozenset({WAVES})),
    Change("bulk updated", bulk_update, frozenset({WAVES})),
    Change(
        "bulk created",
        lambda book: Book.objects.bulk_create([Book(slug="years", author=book.author)]),
        frozenset({YEARS}),
    ),
    Change("related", lambda book: book.genres.add(Genre.objects.get()), frozenset({WAVES})),
    Change("related from the other side", relate_from_the_other_side, frozenset({WAVES})),
    Change("saved through a proxy", through_a_proxy, frozenset({WAVES})),
    Change("viewed", count_a_view, frozenset()),
]


@pytest.fixture
def genre(book: Book, outbox: Outbox) -> None:
    Genre.objects.create(slug="novel")
    outbox.forget()


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
@pytest.mark.usefixtures("genre")
def test_the_outbox_holds_what_is_stale_and_nothing_else(outbox: Outbox, book: Book, change: Change) -> None:
    change.happen(book)
    assert {url for url in outbox.urls if url.startswith("/books/")} == change.stale
    assert outbox.announced == outbox.stored


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
@pytest.mark.usefixtures("genre")
def test_the_textbook_emitter_copes_with_the_plain_cases_alone(book: Book, change: Change) -> None:
    with naive_emitter() as asked:
        change.happen(book)
    assert (asked == change.stale) is change.naive_copes

"""Relations, joins, proxies, multi-table inheritance and generic foreign keys, from every side."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from invalidation.managers import InvalidatingQuerySet
from tests.fixtures.library.models import (
    Author,
    Bestseller,
    Book,
    Document,
    Genre,
    Notice,
    Page,
    Patron,
    Person,
    Placement,
    Report,
    Review,
    Shelf,
)
from tests.unit.emission.conftest import Outbox
from tests.unit.emission.databases import quoted

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.databases]

BOOK = {"/books/waves/", "/authors/woolf/"}
GENRE = {"/genres/novel/"}


@pytest.fixture
def genre(book: Book, outbox: Outbox) -> Genre:
    genre = Genre.objects.create(slug="novel")
    outbox.forget()
    return genre


@pytest.fixture
def shelf(book: Book, outbox: Outbox) -> Shelf:
    shelf = Shelf.objects.create(slug="top")
    outbox.forget()
    return shelf


def side(book: Book, genre: Genre, reverse: bool) -> tuple[Any, Any]:
    """The manager at one end of the relation, and the row at the other."""
    return (genre.books, book) if reverse else (book.genres, genre)


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
class TestManyToMany:
    """`book.genres` and `genre.books`: the same rows, the same events."""

    def test_adding_makes_both_ends_stale(self, outbox: Outbox, book: Book, genre: Genre, reverse: bool) -> None:
        manager, other = side(book, genre, reverse)
        manager.add(other)
        assert outbox.urls == BOOK | GENRE
        assert len(outbox.events) == 1

    def test_adding_what_is_there_is_silent(self, outbox: Outbox, book: Book, genre: Genre, reverse: bool) -> None:
        book.genres.add(genre)
        outbox.forget()
        manager, other = side(book, genre, reverse)
        manager.add(other)
        assert outbox.events == []

    def test_removing_makes_both_ends_stale(self, outbox: Outbox, book: Book, genre: Genre, reverse: bool) -> None:
        book.genres.add(genre)
        outbox.forget()
        manager, other = side(book, genre, reverse)
        manager.remove(other)
        assert outbox.urls == BOOK | GENRE

    def test_removing_what_is_not_there_is_silent(
        self, outbox: Outbox, book: Book, genre: Genre, reverse: bool
    ) -> None:
        manager, other = side(book, genre, reverse)
        manager.remove(other)
        assert outbox.events == []

    def test_clearing_makes_both_ends_stale(self, outbox: Outbox, book: Book, genre: Genre, reverse: bool) -> None:
        book.genres.add(genre)
        outbox.forget()
        side(book, genre, reverse)[0].clear()
        assert outbox.urls == BOOK | GENRE

    def test_clearing_nothing_is_silent(self, outbox: Outbox, book: Book, genre: Genre, reverse: bool) -> None:
        side(book, genre, reverse)[0].clear()
        assert outbox.events == []

    def test_setting_makes_what_left_and_what_came_stale(
        self, outbox: Outbox, book: Book, genre: Genre, reverse: bool
    ) -> None:
        book.genres.add(genre)
        essay = Genre.objects.create(slug="essay")
        outbox.forget()
        if reverse:
            essay.books.set([book])
            assert outbox.urls == BOOK | {"/genres/essay/"}
        else:
            book.genres.set([essay])
            assert outbox.urls == BOOK | GENRE | {"/genres/essay/"}


def test_a_relation_costs_a_bounded_number_of_queries(outbox: Outbox, book: Book) -> None:
    genres = Genre.objects.bulk_create([Genre(slug=f"genre-{number}") for number in range(30)])
    assert book.author.slug == "woolf"
    with CaptureQueriesContext(connection) as adding:
        book.genres.add(*genres)
    with CaptureQueriesContext(connection) as removing:
        book.genres.remove(*genres)
    ours = [query["sql"] for query in (*adding, *removing) if f"FROM {quoted('library_genre')}" in query["sql"]]
    assert len(ours) == 3  # after the addition, before and after the removal


def test_friends_are_friends_on_both_sides(outbox: Outbox) -> None:
    woolf, joyce = Author.objects.create(slug="woolf"), Author.objects.create(slug="joyce")
    outbox.forget()
    woolf.friends.add(joyce)
    assert outbox.urls == {"/authors/woolf/", "/authors/joyce/"}
    outbox.forget()
    joyce.friends.clear()
    assert outbox.urls == {"/authors/woolf/", "/authors/joyce/"}


def test_an_influence_is_cleared_from_the_side_that_was_meant(outbox: Outbox) -> None:
    woolf, joyce, proust = (Author.objects.create(slug=slug) for slug in ("woolf", "joyce", "proust"))
    woolf.influences.add(proust)
    joyce.influences.add(woolf)
    outbox.forget()
    woolf.influenced.clear()
    assert outbox.urls == {"/authors/woolf/", "/authors/joyce/"}


def test_an_explicit_join_row_makes_both_ends_stale(outbox: Outbox, book: Book, shelf: Shelf) -> None:
    Placement.objects.create(book=book, shelf=shelf)
    assert outbox.urls == BOOK | {"/shelves/top/"}


def test_a_join_row_that_is_moved_was_there_and_is_here(outbox: Outbox, book: Book, shelf: Shelf) -> None:
    placement = Placement.objects.create(book=book, shelf=shelf)
    placement.shelf = Shelf.objects.create(slug="bottom")
    outbox.forget()
    placement.save()
    assert outbox.urls == BOOK | {"/shelves/top/", "/shelves/bottom/"}


def test_an_explicit_relation_may_be_written_through_its_manager_too(outbox: Outbox, book: Book, shelf: Shelf) -> None:
    book.shelves.add(shelf, through_defaults={"position": 2})
    assert outbox.urls == BOOK | {"/shelves/top/"}
    outbox.forget()
    shelf.books.clear()
    assert outbox.urls == BOOK | {"/shelves/top/"}


def test_a_cascade_through_join_rows_asks_nothing_for_each_row(outbox: Outbox, book: Book) -> None:
    shelves = Shelf.objects.bulk_create([Shelf(slug=f"shelf-{number}") for number in range(30)])
    Placement.objects.bulk_create([Placement(book=book, shelf=shelf) for shelf in shelves])
    outbox.forget()
    with CaptureQueriesContext(connection) as queries:
        book.delete()
    assert {f"library.shelf:{shelf.pk}" for shelf in shelves} < outbox.tags
    assert len(outbox.events) == 1
    assert len(queries) < 15


def test_a_proxy_writes_what_it_stands_for(outbox: Outbox, book: Book) -> None:
    best = Bestseller.objects.get(pk=book.pk)
    best.slug = "years"
    best.save()
    assert outbox.urls == BOOK | {"/books/years/"}
    outbox.forget()
    best.delete()
    assert outbox.urls == {"/books/years/", "/authors/woolf/"}


def test_a_concrete_row_is_what_its_registered_proxy_says(outbox: Outbox) -> None:
    person = Person.objects.create(name="ada")
    assert outbox.urls == {"/patrons/ada/"}
    outbox.forget()
    person.name = "grace"
    person.save()
    assert outbox.urls == {"/patrons/ada/", "/patrons/grace/"}
    assert outbox.tags == {"library.patron", f"library.patron:{person.pk}"}
    outbox.forget()
    Patron.objects.all().delete()
    assert outbox.urls == {"/patrons/grace/"}


def test_a_child_is_also_its_parent(outbox: Outbox) -> None:
    report = Report.objects.create(slug="budget", year=1999)
    both = {"library.report", f"library.report:{report.pk}", "library.document", f"library.document:{report.pk}"}
    assert (outbox.tags, outbox.urls) == (both, {"/reports/1999/budget/", "/documents/budget/"})
    assert len(outbox.events) == 1
    outbox.forget()
    report.delete()
    assert (outbox.tags, outbox.urls) == (both, {"/reports/1999/budget/", "/documents/budget/"})
    assert len(outbox.events) == 1


def test_a_parent_row_changes_its_child(outbox: Outbox) -> None:
    report = Report.objects.create(slug="budget", year=1999)
    outbox.forget()
    parent = Document.objects.get(pk=report.pk)
    parent.slug = "plan"
    parent.save()
    pages = {"/reports/1999/budget/", "/reports/1999/plan/", "/documents/budget/", "/documents/plan/"}
    assert outbox.urls == pages
    outbox.forget()
    parent.delete()
    assert outbox.urls == {"/reports/1999/plan/", "/documents/plan/"}


def test_a_parent_without_a_child_is_a_parent_alone(outbox: Outbox) -> None:
    document = Document.objects.create(slug="memo")
    document.slug = "letter"
    document.save()
    assert outbox.tags == {"library.document", f"library.document:{document.pk}"}


def test_a_generic_relation_cascades(outbox: Outbox, book: Book) -> None:
    review = Review.objects.create(text="fine", subject=book)
    outbox.forget()
    book.delete()
    assert {"library.review", f"library.review:{review.pk}"} < outbox.tags
    assert len(outbox.events) == 1


def test_djangos_own_updates_are_seen_without_a_word_in_the_model(outbox: Outbox) -> None:
    """A reverse manager's `add` and `SET_NULL` go through the base manager, which registration replaces."""
    root, leaf = Page.objects.create(slug="root"), Page.objects.create(slug="leaf")
    outbox.forget()
    root.children.add(leaf)
    assert {"library.page", f"library.page:{leaf.pk}"} <= outbox.tags
    outbox.forget()
    root.children.remove(leaf)
    assert f"library.page:{leaf.pk}" in outbox.tags
    shelf, other = Shelf.objects.create(slug="a"), Shelf.objects.create(slug="b")
    notice = Notice.objects.create(slug="sale", opens_at=timezone.now(), shelf=shelf)
    outbox.forget()
    shelf.delete()
    assert Notice.objects.get().shelf_id is None
    assert f"library.notice:{notice.pk}" in outbox.tags
    assert isinstance(Shelf._base_manager.get_queryset(), InvalidatingQuerySet)
    assert other.pk


def test_a_base_manager_of_the_models_own_stays(outbox: Outbox) -> None:
    assert Book._base_manager is not None
    assert type(Book._base_manager).__name__ == type(Book.objects).__name__

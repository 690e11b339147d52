"""An event of a write says which row was written, and what changed in it."""

from __future__ import annotations

import pytest
from django.db import transaction

from invalidation.emission.rows import wording
from invalidation.models import Event
from project.blog.models import Category
from tests.fixtures.library.models import Author, Book, Genre


def reason() -> str:
    """Of the newest event."""
    return Event.objects.latest("id").reason


@pytest.fixture
def category(db: None) -> Category:
    stored: Category = Category.objects.create(name="News", slug="news")
    return stored


def test_a_new_row_is_named(category: Category) -> None:
    assert reason() == f"blog.category:{category.pk} was added"


def test_what_changed_is_named(category: Category) -> None:
    category.name, category.slug = "World", "world"
    category.save()
    assert reason() == f"blog.category:{category.pk} changed: slug 'news' → 'world'; name"


def test_a_relation_is_named(category: Category) -> None:
    genre, book = Genre.objects.create(slug="prose"), Book.objects.create(slug="a", author=Author.objects.create())
    book.genres.add(genre)
    assert reason() == f"library.book:{book.pk} changed: genres"


def test_a_value_that_can_t_be_written_down_does_not_stop_the_write() -> None:
    class Odd:
        def __str__(self) -> str:
            raise ValueError

    assert wording._value(Odd()) == "?"
    assert len(wording._value("x" * 1000)) <= 40


def test_events_of_one_transaction_are_as_many_as_before(category: Category) -> None:
    before = Event.objects.count()
    with transaction.atomic():
        category.save()
        category.name = "World"
        category.save()
    assert Event.objects.count() == before + 1


def test_a_save_that_changes_nothing_says_so(category: Category) -> None:
    category.save()
    assert reason() == f"blog.category:{category.pk} was saved unchanged"


def test_a_deleted_row_is_named(category: Category) -> None:
    key = category.pk
    category.delete()
    assert reason() == f"blog.category:{key} was deleted"


def test_a_deletion_of_many_names_their_model(category: Category) -> None:
    Category.objects.filter(pk=category.pk).delete()
    assert reason() == "blog.category: rows were deleted"

"""What an instance knows of its row: as it was loaded, written, rolled back, deferred, copied, read again."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F, Model, Value
from django.db.models.functions import Concat

from invalidation.emission.rows import columns, history, loading
from tests.fixtures.library.models import Author, Bestseller, Book, Genre, Memoir, Placement, Shelf, Ticket
from tests.unit.emission.conftest import Outbox

pytestmark = pytest.mark.django_db(transaction=True)


def known(instance: Model) -> dict[str, Any]:
    return history.newest(instance)


def write(instance: Model, **values: Any) -> None:
    for name, value in values.items():
        setattr(instance, name, value)
    instance.save()


@pytest.fixture
def genre(outbox: Outbox) -> Genre:
    return Genre.objects.get(pk=Genre.objects.create(slug="a").pk)


def test_a_loaded_row_is_known_and_what_is_assigned_is_not(genre: Genre) -> None:
    genre.slug = "b"
    assert known(genre) == {"id": genre.pk, "slug": "a"}
    assert history.changed(genre, genre) == {"slug"}


def test_a_new_instance_knows_nothing_and_a_saved_one_its_row(outbox: Outbox) -> None:
    genre = Genre(slug="a")
    assert known(genre) == {}
    assert history.changed(genre, genre) == {"id", "slug"}
    genre.save()
    assert known(genre) == {"id": genre.pk, "slug": "a"}


@pytest.mark.databases
def test_what_is_rolled_back_was_never_known(genre: Genre) -> None:
    with transaction.atomic():
        write(genre, slug="b")
        assert known(genre)["slug"] == "b"
        sid = transaction.savepoint()
        write(genre, slug="c")
        assert known(genre)["slug"] == "c"
        transaction.savepoint_rollback(sid)
        assert known(genre)["slug"] == "b"
        transaction.set_rollback(True)
    assert known(genre)["slug"] == "a"


@pytest.mark.databases
def test_what_is_committed_is_all_that_is_kept(genre: Genre) -> None:
    with transaction.atomic():
        write(genre, slug="b")
        write(genre, slug="c")
        assert [one.state["slug"] for one in history._states(genre)] == ["a", "b", "c"]
    assert [(one.state["slug"], one.hook) for one in history._states(genre)] == [("c", None)]
    write(genre, slug="d")
    assert [one.state["slug"] for one in history._states(genre)] == ["d"]


def test_a_save_that_changes_nothing_is_no_new_state(genre: Genre) -> None:
    with transaction.atomic():
        genre.save()
        assert len(history._states(genre)) == 1


def test_a_value_that_may_change_in_place_is_kept_apart(author: Author, outbox: Outbox) -> None:
    book = Book.objects.get(pk=Book.objects.create(slug="a", author=author, notes={"a": [1]}).pk)
    book.notes["a"].append(2)
    assert known(book)["notes"] == {"a": [1]}
    assert history.changed(book, book) == {"notes"}


def test_pickles_and_copies_remember_nothing(genre: Genre) -> None:
    for twin in (pickle.loads(pickle.dumps(genre)), copy.copy(genre), copy.deepcopy(genre)):
        assert loading.STATES not in twin.__dict__
        assert twin.slug == "a"
    assert loading.STATES in genre.__dict__


def test_a_row_is_seen_as_it_was_without_changing_the_instance(genre: Genre) -> None:
    genre.slug = "b"
    past = history.as_it_was(genre, {"slug": "a"})
    assert (type(past), past.__dict__["slug"], genre.slug, past.pk) == (Genre, "a", "b", genre.pk)
    assert loading.STATES not in past.__dict__
    past._state.db = "other"
    past._state.adding = True
    assert (genre._state.db, genre._state.adding) == ("default", False)


def test_a_moved_foreign_key_is_looked_up_afresh_and_the_others_are_not(
    author: Author, outbox: Outbox, django_assert_num_queries: Any
) -> None:
    book = Book.objects.select_related("author").get(pk=Book.objects.create(slug="a", author=author).pk)
    other = Author.objects.create(slug="other")
    with django_assert_num_queries(0):
        assert history.as_it_was(book, {"author_id": author.pk, "slug": "b"}).author == author  # type: ignore[attr-defined]  # a book
    book.author = other
    past: Any = history.as_it_was(book, {"author_id": author.pk})
    with django_assert_num_queries(1):
        assert past.author.slug == "woolf"
    with django_assert_num_queries(0):
        assert book.author.slug == "other"
    unknown: Any = history.as_it_was(book, {"slug": "b"})
    with django_assert_num_queries(0):
        assert unknown.author.slug == "other"


def test_prefetched_rows_are_not_those_of_the_past(author: Author, outbox: Outbox) -> None:
    [loaded] = Author.objects.prefetch_related("books").filter(pk=author.pk)
    past = history.as_it_was(loaded, {})
    assert "_prefetched_objects_cache" in loaded.__dict__
    assert "_prefetched_objects_cache" not in past.__dict__


def test_a_file_of_the_past_is_a_file_of_that_row(author: Author, outbox: Outbox) -> None:
    book = Book.objects.get(pk=Book.objects.create(slug="a", author=author, scan="x.pdf").pk)
    past: Any = history.as_it_was(book, {"scan": "y.pdf"})
    assert (past.scan.name, past.scan.instance) == ("y.pdf", past)
    assert (book.scan.name, book.scan.instance) == ("x.pdf", book)
    twin: Any = history.seen_as(Book, book)
    assert (twin.scan.name, twin.scan.instance) == ("x.pdf", twin)
    deferred: Any = history.seen_as(Book, Book.objects.defer("scan").get(pk=book.pk))
    assert (deferred.slug, "scan" in deferred.__dict__) == ("a", False)
    assert type(columns.detached(book.scan)) is str


def test_a_write_of_what_nobody_loaded_is_looked_up_by_one_query(genre: Genre, django_assert_num_queries: Any) -> None:
    deferred = Genre.objects.defer("slug").get(pk=genre.pk)
    with django_assert_num_queries(0):
        history.before_write(deferred, "default", {"slug"})
    deferred.slug = "b"
    with django_assert_num_queries(0):
        history.before_write(deferred, "default", {"id"})
    with django_assert_num_queries(1):
        history.before_write(deferred, "default", {"slug"})
    assert known(deferred) == {"id": genre.pk, "slug": "a"}
    with django_assert_num_queries(0):
        history.before_write(deferred, "default", {"slug"})


def test_a_row_built_with_its_key_is_looked_up_whole(genre: Genre, django_assert_num_queries: Any) -> None:
    built = Genre(pk=genre.pk, slug="b")
    with django_assert_num_queries(1):
        history.before_write(built, "default", {"slug"})
    assert known(built) == {"id": genre.pk, "slug": "a"}
    unknown = Genre(pk=genre.pk + 1, slug="b")
    history.before_write(unknown, "default", {"slug"})
    assert known(unknown) == {}


def test_a_row_that_is_about_to_be_inserted_is_not_looked_up(outbox: Outbox, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        history.before_write(Genre(slug="a"), "default", {"slug"})
        history.before_write(Ticket(slug="a"), "default", {"slug"})
    with django_assert_num_queries(1):
        history.before_write(Memoir(number=7, slug="a"), "default", {"slug"})


@pytest.mark.databases
@pytest.mark.django_db(transaction=True, databases=["default", "other"])
def test_a_row_that_goes_to_another_database_is_what_it_is_there(genre: Genre, other_outbox: Outbox) -> None:
    Genre(pk=genre.pk, slug="there").save(using="other")
    history.before_write(genre, "other", {"slug"})
    assert known(genre) == {"id": genre.pk, "slug": "there"}


def test_after_a_write_of_all_columns_the_instance_is_the_row(genre: Genre, django_assert_num_queries: Any) -> None:
    genre.slug = "b"
    with django_assert_num_queries(0):
        assert history.present(genre, "default", None, {"slug"}) is genre


def test_what_was_assigned_and_not_written_is_as_it_was(genre: Genre, django_assert_num_queries: Any) -> None:
    genre.slug = "b"
    with django_assert_num_queries(0):
        now: Any = history.present(genre, "default", {"id"}, {"slug"})
        assert (now.slug, genre.slug) == ("a", "b")
        assert history.present(genre, "default", {"slug"}, {"slug"}) is genre
        unwritten: Any = history.present(genre, "default", (), {"slug"})
    assert unwritten.slug == "a"
    assert unwritten._state.db == "default"


@pytest.mark.databases
def test_an_expression_is_read_back_where_it_is_public(
    author: Author, outbox: Outbox, django_assert_num_queries: Any
) -> None:
    book = Book.objects.get(pk=Book.objects.create(slug="a", author=author, views=3).pk)
    book.views = F("views") + 1
    assert history.has_expressions(book)
    with django_assert_num_queries(1):
        now: Any = history.present(book, "default", None, {"views"})
    assert now.__dict__["views"] == 3
    with django_assert_num_queries(0):
        hidden: Any = history.present(book, "default", None, {"slug"})
    assert "views" not in hidden.__dict__
    assert not history.has_expressions(author)


@pytest.mark.databases
def test_a_deferred_column_is_loaded_into_the_copy_alone(genre: Genre, django_assert_num_queries: Any) -> None:
    deferred = Genre.objects.defer("slug").get(pk=genre.pk)
    now: Any = history.present(deferred, "default", None, {"slug"})
    with django_assert_num_queries(1):
        assert now.slug == "a"
    assert "slug" not in deferred.__dict__


@pytest.mark.databases
def test_what_a_write_moved_by_sql_of_its_own_is_read(genre: Genre, django_assert_num_queries: Any) -> None:
    Genre.objects.update(slug="moved")
    with django_assert_num_queries(1):
        now: Any = history.present(genre, "default", {"id"}, {"slug"}, moved=True)
    assert now.slug == "moved"
    with django_assert_num_queries(0):
        assert history.present(genre, "default", {"id"}, {"slug"}) is genre
        assert history.present(genre, "default", None, {"slug"}, moved=True) is genre


def test_columns_that_are_not_known_any_more_may_have_changed(genre: Genre) -> None:
    now = history.as_it_was(genre, {})
    now.__dict__.pop("slug")
    assert history.changed(genre, now) == {"slug"}
    genre.__dict__.pop("slug")
    assert history.changed(genre, now) == {"slug"}


def test_a_row_read_again_is_known_as_it_was_read(genre: Genre) -> None:
    Genre.objects.update(slug="b")
    genre.slug = "unsaved"
    genre.refresh_from_db(fields=["id"])
    assert known(genre)["slug"] == "a"
    genre.refresh_from_db()
    assert known(genre) == {"id": genre.pk, "slug": "b"}


def test_a_column_read_for_the_first_time_joins_what_is_known(genre: Genre) -> None:
    deferred = Genre.objects.defer("slug").get(pk=genre.pk)
    with transaction.atomic():
        assert deferred.slug == "a"
        assert known(deferred) == {"id": genre.pk, "slug": "a"}
        assert len(history._states(deferred)) == 1


@pytest.mark.databases
def test_a_column_read_again_in_a_transaction_that_is_rolled_back_is_known_as_before(genre: Genre) -> None:
    with transaction.atomic():
        Genre.objects.update(slug="b")
        genre.refresh_from_db(fields=["slug"])
        assert known(genre) == {"id": genre.pk, "slug": "b"}
        transaction.set_rollback(True)
    assert known(genre) == {"id": genre.pk, "slug": "a"}


def test_an_instance_that_was_never_loaded_stays_without_a_past(genre: Genre) -> None:
    built = Genre(pk=genre.pk, slug="b")
    built.refresh_from_db()
    assert built.slug == "a"
    assert known(built) in ({}, {"id": genre.pk, "slug": "a"})


def test_remembering_a_row_forgets_all_that_was_known(genre: Genre) -> None:
    with transaction.atomic():
        write(genre, slug="b")
        history.remember(genre, Genre(pk=9, slug="c"))
        assert [one.state for one in history._states(genre)] == [{"id": 9, "slug": "c"}]
        genre.slug = "d"
        history.remember(genre)
        assert known(genre)["slug"] == "d"


def test_an_equal_value_is_no_change_whatever_object_it_is(genre: Genre) -> None:
    Genre.objects.update(slug="prose-and-verse")
    genre.refresh_from_db()
    genre.slug = str(b"prose-and-verse", "ascii")
    assert history.changed(genre, genre) == set()
    assert history.present(genre, "default", {"id"}, {"slug"}) is genre


def test_what_was_saved_in_a_column_that_may_change_in_place_is_known_apart(author: Author, outbox: Outbox) -> None:
    book = Book(slug="a", author=author, notes={"a": [1]})
    book.save()
    assert known(book)["notes"] == {"a": [1]}
    book.notes["a"].append(2)
    assert known(book)["notes"] == {"a": [1]}
    unsaved = Book(slug="b", notes={"a": 1})
    unsaved.views = F("id")
    history.remember(unsaved)
    assert (known(unsaved)["notes"], "views" in known(unsaved)) == ({"a": 1}, False)


def test_what_is_looked_up_is_what_was_not_known(author: Author, outbox: Outbox) -> None:
    book = Book.objects.defer("slug").get(pk=Book.objects.create(slug="a", title="loaded", author=author).pk)
    Book.objects.update(title="by others")
    book.slug = "b"
    history.before_write(book, "default", {"slug", "title"})
    assert (known(book)["slug"], known(book)["title"]) == ("a", "loaded")


def test_a_row_that_vanished_is_as_it_was_known(genre: Genre) -> None:
    Genre.objects.all()._raw_delete("default")
    genre.slug = "b"
    now: Any = history.present(genre, "default", {"id"}, {"slug"}, moved=True)
    assert now.slug == "a"


@pytest.mark.databases
@pytest.mark.django_db(transaction=True, databases=["default", "other"])
def test_a_row_of_another_database_is_read_there(other_outbox: Outbox) -> None:
    genre = Genre.objects.using("other").get(pk=Genre.objects.using("other").create(slug="a").pk)
    Genre.objects.using("other").update(slug="moved")
    now: Any = history.present(genre, "other", {"id"}, {"slug"}, moved=True)
    assert now.slug == "moved"
    genre.slug = Concat("slug", Value("!"))
    now = history.present(genre, "other", None, {"slug"})
    assert now.__dict__["slug"] == "moved"
    with transaction.atomic(using="other"):
        genre.refresh_from_db()
        assert known(genre)["slug"] == "moved"
        transaction.set_rollback(True, using="other")
    assert known(genre)["slug"] == "a"


def test_a_row_seen_as_another_model_keeps_what_was_loaded_beside_it(
    author: Author, outbox: Outbox, django_assert_num_queries: Any
) -> None:
    Book.objects.create(slug="a", author=author)
    book = Book.objects.select_related("author").get()
    with django_assert_num_queries(0):
        seen: Any = history.seen_as(Bestseller, book)
        assert seen.author.slug == "woolf"
    assert history.seen_as(Genre, Genre(slug="a")).__dict__["slug"] == "a"


def test_of_two_foreign_keys_the_one_that_stayed_is_not_looked_up(author: Author, outbox: Outbox) -> None:
    book, shelf = Book.objects.create(slug="a", author=author), Shelf.objects.create(slug="s")
    placed = Placement(book=book, shelf=shelf)
    past = history.as_it_was(placed, {"shelf_id": shelf.pk + 1, "book_id": book.pk})
    assert set(past._state.fields_cache) == {"book"}

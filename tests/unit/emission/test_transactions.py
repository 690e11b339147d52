"""Events follow the transaction exactly: stored with it, announced after it, gone with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import DatabaseError, IntegrityError, connection, connections, transaction
from django.test import AsyncClient, Client
from pytest_django import Settings

import invalidation
from invalidation.models import Event
from tests.fixtures.library.models import Author, Book, Loan
from tests.unit.emission.conftest import Outbox, savepoint
from tests.unit.emission.databases import checks_at_commit

pytestmark = [pytest.mark.django_db(transaction=True, databases=["default", "other"]), pytest.mark.databases]

WOOLF = "/authors/woolf/"


def pages(*slugs: str) -> set[str]:
    return {WOOLF, *(f"/books/{slug}/" for slug in slugs)}


def rename(book: Book, slug: str) -> None:
    book.slug = slug
    book.save()


@contextmanager
def undone(using: str = "default") -> Iterator[None]:
    """A transaction or savepoint that ends in a rollback."""
    with transaction.atomic(using=using):
        yield
        transaction.set_rollback(True, using=using)


def test_nothing_is_announced_before_the_outermost_commit(outbox: Outbox, book: Book) -> None:
    with transaction.atomic():
        with transaction.atomic():
            rename(book, "years")
        assert len(outbox.events) == 1
        assert outbox.announced == set()
    assert outbox.announced == outbox.stored


def test_one_transaction_is_announced_once(outbox: Outbox, book: Book) -> None:
    with transaction.atomic():
        rename(book, "years")
        rename(book, "orlando")
    assert len(outbox.events) == 2
    assert len(outbox.announcements) == 1
    assert outbox.announced == outbox.stored


def test_a_rollback_takes_the_event_with_it(outbox: Outbox, book: Book) -> None:
    with undone():
        rename(book, "years")
    assert (outbox.events, outbox.announcements) == ([], [])


def test_what_was_rolled_back_is_not_purged_by_the_next_transaction(outbox: Outbox, book: Book) -> None:
    with undone():
        rename(book, "years")
    rename(book, "orlando")
    assert outbox.urls == pages("waves", "orlando")
    assert outbox.announced == outbox.stored


def test_an_inner_rollback_leaves_the_outer_events(outbox: Outbox, book: Book) -> None:
    with transaction.atomic():
        with undone():
            rename(book, "years")
        Author.objects.create(slug="joyce")
    assert outbox.urls == {"/authors/joyce/"}
    assert outbox.announced == outbox.stored


def test_a_change_repeated_after_an_inner_rollback_is_stored_again(outbox: Outbox, book: Book) -> None:
    with transaction.atomic():
        with undone():
            rename(book, "years")
        rename(book, "years")
    assert outbox.urls == pages("waves", "years")
    assert outbox.announced == outbox.stored


def test_a_change_made_before_an_inner_rollback_is_announced(outbox: Outbox, book: Book) -> None:
    with transaction.atomic():
        rename(book, "years")
        with undone():
            rename(book, "orlando")
        rename(book, "flush")
    assert outbox.urls == pages("waves", "years", "flush")
    assert outbox.announced == outbox.stored


def test_a_released_savepoint_goes_with_its_parent(outbox: Outbox, book: Book) -> None:
    with transaction.atomic():
        with undone(), transaction.atomic():
            rename(book, "years")
        assert outbox.events == []
    assert outbox.announcements == []


def test_a_savepoint_rolled_back_by_hand_counts_too(outbox: Outbox, book: Book) -> None:
    with transaction.atomic():
        begun = savepoint()
        rename(book, "years")
        transaction.savepoint_rollback(begun)
        rename(book, "orlando")
    assert outbox.urls == pages("waves", "orlando")
    assert outbox.announced == outbox.stored


def test_an_equal_change_after_a_savepoint_rolled_back_by_hand_is_stored_again(outbox: Outbox, book: Book) -> None:
    with transaction.atomic():
        begun = savepoint()
        book.save()
        transaction.savepoint_rollback(begun)
        book.save()
    assert outbox.urls == pages("waves")
    assert outbox.announced == outbox.stored


def test_an_integrity_error_in_a_savepoint_stores_nothing(outbox: Outbox, book: Book) -> None:
    with transaction.atomic():
        with pytest.raises(IntegrityError), transaction.atomic():
            Book.objects.create(slug="waves", author=book.author)
        rename(book, "years")
    assert outbox.tags == {"library.book", f"library.book:{book.pk}"}


@checks_at_commit
def test_a_constraint_that_fails_at_commit_leaves_nothing(outbox: Outbox, book: Book) -> None:
    def orphan() -> None:
        Book.objects.create(slug="orphan", author_id=0)
        assert len(outbox.events) == 1

    with pytest.raises(IntegrityError):
        transaction.atomic(orphan)()
    assert (outbox.events, outbox.announcements) == ([], [])
    rename(book, "years")
    assert outbox.urls == pages("waves", "years")
    assert outbox.announced == outbox.stored


@pytest.mark.parametrize("lost", ["default", "other"])
def test_two_databases_commit_and_roll_back_each_for_itself(
    outbox: Outbox, other_outbox: Outbox, author: Author, lost: str
) -> None:
    kept = {"default": "other", "other": "default"}[lost]
    with transaction.atomic(using=kept), undone(using=lost):
        for using in ("default", "other"):
            Author(slug=using).save(using=using)
    outboxes = {"default": outbox, "other": other_outbox}
    assert outboxes[kept].urls == {f"/authors/{kept}/"}
    assert outboxes[kept].announced == outboxes[kept].stored
    assert (outboxes[lost].events, outboxes[lost].announcements) == ([], [])


def test_bulk_and_relations_use_the_outbox_of_their_database(other_outbox: Outbox, outbox: Outbox) -> None:
    woolf = Author(slug="woolf")
    Author.objects.using("other").bulk_create([woolf])
    (book,) = Book.objects.using("other").bulk_create([Book(slug="waves", author=woolf)])
    Book.objects.using("other").update(slug="years")
    Author.objects.using("other").get().friends.set([])
    book.delete(using="other")
    assert outbox.events == []
    assert other_outbox.urls == pages("waves", "years")


def test_a_row_saved_into_another_database_was_what_it_was_there(
    outbox: Outbox, other_outbox: Outbox, author: Author
) -> None:
    Author(pk=author.pk, slug="elsewhere").save(using="other")
    other_outbox.forget()
    author.save(using="other")
    assert other_outbox.urls == {"/authors/elsewhere/", WOOLF}
    assert outbox.events == []


def test_a_database_without_an_outbox_uses_the_first_one_after_its_commit(outbox: Outbox) -> None:
    with undone(using="other"):
        Author(slug="lost").save(using="other")
    with transaction.atomic(using="other"):
        Author(slug="woolf").save(using="other")
        assert outbox.events == []
    assert outbox.urls == {WOOLF}
    assert outbox.announced == outbox.stored


def test_in_autocommit_each_save_is_announced_at_once(outbox: Outbox, book: Book) -> None:
    rename(book, "years")
    assert outbox.announced == outbox.stored
    assert len(outbox.announcements) == 1


@contextmanager
def outbox_out_of_order() -> Iterator[None]:
    """The events' table is not where it should be."""
    table = Event._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO elsewhere")
        yield
        cursor.execute(f"ALTER TABLE elsewhere RENAME TO {table}")


def test_an_atomic_save_whose_event_can_not_be_stored_does_not_happen(outbox: Outbox) -> None:
    with outbox_out_of_order(), pytest.raises(DatabaseError):
        Loan(slug="loan").save()
    assert not Loan.objects.exists()


def test_under_manual_transaction_management_events_are_stored_for_the_sweep(outbox: Outbox, book: Book) -> None:
    transaction.set_autocommit(False)
    try:
        rename(book, "years")
        transaction.rollback()
        assert outbox.events == []
        rename(book, "orlando")
        transaction.commit()
    finally:
        transaction.set_autocommit(True)
    assert "/books/orlando/" in outbox.urls


def test_a_read_only_transaction_reads_without_events(outbox: Outbox, book: Book) -> None:
    begin, end = {
        "sqlite": ("PRAGMA query_only = ON", "PRAGMA query_only = OFF"),
        "postgresql": ("SET TRANSACTION READ ONLY", "SELECT 1"),
        "mysql": ("START TRANSACTION READ ONLY", "COMMIT"),
    }[connection.vendor]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(begin)
        loaded = Book.objects.get(pk=book.pk)
        loaded.refresh_from_db()
        cursor.execute(end)
    assert outbox.events == []


def test_a_connection_that_breaks_forgets_what_it_had_not_committed(outbox: Outbox, book: Book) -> None:
    def cut() -> None:
        rename(book, "years")
        connection.connection.close()
        Author.objects.create(slug="never")

    with pytest.raises(DatabaseError):
        transaction.atomic(cut)()
    connection.close()
    rename(book, "orlando")
    assert outbox.urls == pages("waves", "orlando")
    assert outbox.announced == outbox.stored


def test_equal_changes_of_one_transaction_are_one_event(outbox: Outbox, book: Book) -> None:
    with transaction.atomic():
        for title in ("a", "b", "c"):
            book.title = title
            book.save()
    assert len(outbox.events) == 1


def test_a_hook_of_others_that_writes_gets_an_event_of_its_own(outbox: Outbox, book: Book) -> None:
    """The event of the transaction that is over may be with a worker already."""

    def touch() -> None:
        with transaction.atomic():
            Book.objects.get(pk=book.pk).save()

    with transaction.atomic():
        transaction.on_commit(touch)
        Book.objects.get(pk=book.pk).save()
        transaction.on_commit(touch)
    assert len(outbox.events) == 3
    assert outbox.announced == outbox.stored


def test_a_hook_of_others_that_writes_and_rolls_back_silences_nobody(outbox: Outbox, book: Book) -> None:
    def touch_in_vain() -> None:
        with undone():
            Book.objects.get(pk=book.pk).save()

    with transaction.atomic():
        transaction.on_commit(touch_in_vain)
        Book.objects.get(pk=book.pk).save()
    assert len(outbox.events) == 1
    assert outbox.announced == outbox.stored


def test_a_hook_of_others_that_fails_costs_the_announcement_not_the_event(outbox: Outbox, book: Book) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    def write() -> None:
        transaction.on_commit(fail)
        rename(book, "years")

    with pytest.raises(ZeroDivisionError):
        transaction.atomic(write)()
    assert outbox.urls == pages("waves", "years")  # pending: the sweep finds it
    assert outbox.announced == set()
    Author.objects.create(slug="joyce")
    assert len(outbox.announced) == 1


def test_a_request_that_fails_leaves_nothing(outbox: Outbox, book: Book, settings: Settings, client: Client) -> None:
    settings.ROOT_URLCONF = "tests.unit.emission.urls"
    with pytest.raises(RuntimeError):
        client.post("/rename/years/fail/")
    assert (outbox.events, outbox.announcements) == ([], [])
    client.post("/rename/years/succeed/")
    assert outbox.urls == pages("waves", "years")
    assert outbox.announced == outbox.stored


def test_an_asynchronous_view_emits_too(outbox: Outbox, book: Book, settings: Settings) -> None:
    settings.ROOT_URLCONF = "tests.unit.emission.urls"
    response = async_to_sync(AsyncClient().post)("/asynchronous/years/")
    assert response.status_code == 200
    assert outbox.urls == pages("waves", "years")
    assert outbox.announced == outbox.stored


def test_a_thread_has_a_transaction_of_its_own(outbox: Outbox, book: Book) -> None:
    announced: list[set[str]] = []

    def write() -> None:
        with invalidation.suspend("only here"):
            rename(book, "orlando")
        rename(book, "years")
        announced.append(set(outbox.announced))
        connections.close_all()

    thread = Thread(target=write)
    thread.start()
    thread.join()
    assert announced == [outbox.stored]
    assert outbox.urls == pages("orlando", "years")
    with undone():
        rename(book, "flush")
    assert outbox.urls == pages("orlando", "years")


def test_a_change_of_a_database_without_an_outbox_survives_the_rollback_of_the_one_with_it(outbox: Outbox) -> None:
    with undone():
        Author.objects.create(slug="joyce")
        Author(slug="woolf").save(using="other")
        with transaction.atomic(using="other"):
            Author(slug="eliot").save(using="other")
        with undone():
            Author(slug="mansfield").save(using="other")
        with undone(using="other"):
            Author(slug="lost").save(using="other")
    assert outbox.urls == {WOOLF, "/authors/eliot/", "/authors/mansfield/"}
    assert outbox.announced == outbox.stored


def test_a_change_of_a_database_without_an_outbox_goes_with_the_commit_of_the_one_with_it(outbox: Outbox) -> None:
    with transaction.atomic():
        Author(slug="woolf").save(using="other")
    assert outbox.urls == {WOOLF}
    assert outbox.announced == outbox.stored


def test_an_event_that_the_first_database_refuses_undoes_no_commit_of_another(
    outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(execute: Any, sql: str, *rest: Any) -> Any:
        raise DatabaseError("away")

    ran: list[str] = []
    with connection.execute_wrapper(refuse), transaction.atomic(using="other"):
        Author(slug="woolf").save(using="other")
        transaction.on_commit(lambda: ran.append("later"), using="other")
    assert Author.objects.using("other").count() == 1
    assert ran == ["later"]
    assert "Error calling _store_regardless in on_commit()" in caplog.text

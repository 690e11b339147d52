"""Every way to write one row is seen, with its old identity and its new one."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.management import call_command
from django.db import connection
from django.db.models import F, Value
from django.db.models.functions import Concat
from django.db.models.signals import post_delete, post_init
from django.test.utils import CaptureQueriesContext
from structlog.testing import capture_logs

from invalidation.emission.rows.loading import STATES
from tests.fixtures.library.models import Author, Book, Draft, Loan, Ticket
from tests.unit.emission.conftest import Outbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.databases]

WAVES, YEARS, WOOLF = "/books/waves/", "/books/years/", "/authors/woolf/"


def tags(book: Book) -> set[str]:
    return {"library.book", f"library.book:{book.pk}"}


def test_create_names_the_row_its_page_and_what_the_rules_add(outbox: Outbox, author: Author) -> None:
    book = Book.objects.create(slug="waves", author=author)
    (event,) = outbox.events
    assert event.targets == {"tags": sorted(tags(book)), "urls": [WOOLF, WAVES], "keys": ["book:waves"]}
    assert event.source == "signal"
    assert outbox.announced == outbox.stored


def test_get_or_create_emits_only_when_it_creates(outbox: Outbox, author: Author) -> None:
    for _ in range(2):
        Book.objects.get_or_create(slug="waves", defaults={"author": author})
    assert len(outbox.events) == 1


def test_update_or_create_emits_both_when_it_creates_and_when_it_updates(outbox: Outbox, author: Author) -> None:
    Book.objects.update_or_create(slug="waves", defaults={"author": author})
    outbox.forget()
    Book.objects.update_or_create(slug="waves", defaults={"slug": "years"})
    assert outbox.urls == {WAVES, YEARS, WOOLF}


def test_a_renamed_row_was_its_old_address_and_is_its_new_one(outbox: Outbox, book: Book) -> None:
    book.slug = "years"
    book.save()
    assert outbox.urls == {WAVES, YEARS, WOOLF}
    assert {key.key for key in outbox.targets.keys} == {"book:waves", "book:years"}


def test_a_row_renamed_twice_was_each_of_its_addresses(outbox: Outbox, book: Book) -> None:
    for slug in ("years", "orlando"):
        outbox.forget()
        book.slug = slug
        book.save()
    assert outbox.urls == {YEARS, "/books/orlando/", WOOLF}


def test_a_moved_foreign_key_was_there_and_is_here(outbox: Outbox, book: Book) -> None:
    book.author = Author.objects.create(slug="joyce")
    outbox.forget()
    book.save()
    assert outbox.urls == {WAVES, WOOLF, "/authors/joyce/"}


def test_an_unpublished_row_is_purged_though_its_visibility_is_not_tracked(outbox: Outbox, book: Book) -> None:
    book.public = False
    book.save()
    assert outbox.urls == {WAVES, WOOLF}


def test_a_row_that_stays_invisible_is_silent(outbox: Outbox, author: Author) -> None:
    book = Book.objects.create(slug="waves", author=author, public=False)
    book.title = "Still secret"
    book.save()
    book.delete()
    assert outbox.events == []


def test_a_published_row_is_purged_under_its_new_address_alone(outbox: Outbox, author: Author) -> None:
    book = Book.objects.create(slug="secret", author=author, public=False)
    book.slug, book.public = "waves", True
    book.save()
    assert outbox.urls == {WAVES, WOOLF}


def test_a_deleted_row_is_purged(outbox: Outbox, book: Book) -> None:
    expected = tags(book)
    book.delete()
    assert (outbox.urls, outbox.tags) == ({WAVES, WOOLF}, expected)


def test_a_row_deleted_after_an_unsaved_change_is_purged_as_it_was(outbox: Outbox, book: Book) -> None:
    book.slug = "years"
    book.delete()
    assert outbox.urls == {WAVES, WOOLF}


def test_a_cascade_is_one_event_with_everything_that_went(outbox: Outbox, book: Book) -> None:
    expected = {*tags(book), "library.author", f"library.author:{book.author_id}"}
    book.author.delete()
    assert len(outbox.events) == 1
    assert (outbox.urls, outbox.tags) == ({WAVES, WOOLF}, expected)


def test_a_deletion_that_fails_emits_nothing(outbox: Outbox, book: Book) -> None:
    def refuse(**_: Any) -> None:
        raise PermissionError

    post_delete.connect(refuse, sender=Book)
    try:
        with pytest.raises(PermissionError):
            book.delete()
    finally:
        post_delete.disconnect(refuse, sender=Book)
    assert outbox.events == []


def test_update_fields_names_what_was_written(outbox: Outbox, book: Book) -> None:
    book.slug, book.title = "years", "The Waves"
    book.save(update_fields=["title"])
    assert outbox.urls == {WAVES, WOOLF}  # the slug in memory never reached the row


def test_a_field_saved_later_than_it_was_assigned_still_knows_its_old_value(outbox: Outbox, book: Book) -> None:
    book.slug, book.title = "years", "The Waves"
    book.save(update_fields=["title"])
    outbox.forget()
    book.save()
    assert outbox.urls == {WAVES, YEARS, WOOLF}


def test_an_ignored_field_alone_is_silent(outbox: Outbox, book: Book) -> None:
    book.views = 5
    book.save()
    book.views = F("views") + 1
    book.save()
    book.views = 7
    book.save(update_fields=["views"])
    assert outbox.events == []


def test_an_ignored_field_beside_another_is_not_silent(outbox: Outbox, book: Book) -> None:
    book.views, book.title = 5, "The Waves"
    book.save(update_fields=["views", "title"])
    assert len(outbox.events) == 1


def test_an_expression_is_resolved_before_the_rules_see_it(outbox: Outbox, book: Book) -> None:
    book.slug = Concat(F("slug"), Value("-again"))
    book.save()
    assert outbox.urls == {WAVES, "/books/waves-again/", WOOLF}
    outbox.forget()
    book.slug = "years"
    book.save()
    assert outbox.urls == {"/books/waves-again/", YEARS, WOOLF}


def test_a_deferred_row_is_read_without_changing_what_its_next_save_writes(outbox: Outbox, book: Book) -> None:
    deferred = Book.objects.only("title").get(pk=book.pk)
    deferred.title = "The Waves"
    deferred.save()
    assert outbox.urls == {WAVES, WOOLF}
    assert "slug" in deferred.get_deferred_fields()


def test_a_deferred_field_that_is_assigned_unseen_is_looked_up_first(outbox: Outbox, book: Book) -> None:
    deferred = Book.objects.only("title").get(pk=book.pk)
    deferred.slug = "years"
    deferred.save()
    assert outbox.urls == {WAVES, YEARS, WOOLF}


def test_a_row_built_with_a_known_key_replaces_one_that_is_looked_up(outbox: Outbox, book: Book) -> None:
    Book(pk=book.pk, slug="years", author_id=book.author_id).save()
    assert outbox.urls == {WAVES, YEARS, WOOLF}


def test_a_refreshed_row_knows_what_others_wrote(outbox: Outbox, book: Book) -> None:
    Book.objects.filter(pk=book.pk).update(slug="years")
    book.refresh_from_db()
    outbox.forget()
    book.slug = "orlando"
    book.save()
    assert outbox.urls == {YEARS, "/books/orlando/", WOOLF}


def test_loading_a_deferred_field_forgets_no_unsaved_change(outbox: Outbox, book: Book) -> None:
    deferred = Book.objects.defer("notes").get(pk=book.pk)
    deferred.slug = "years"
    assert deferred.notes == {}
    deferred.save()
    assert outbox.urls == {WAVES, YEARS, WOOLF}


def test_a_json_value_changed_in_place_is_a_change(outbox: Outbox, book: Book) -> None:
    book.views = 3
    book.notes["color"] = "blue"
    book.save()
    assert len(outbox.events) == 1


def test_an_instance_out_of_a_cache_looks_its_old_state_up(outbox: Outbox, book: Book) -> None:
    cached: Book = pickle.loads(pickle.dumps(book))
    Book.objects.filter(pk=book.pk).update(slug="years")
    outbox.forget()
    cached.slug = "orlando"
    cached.save()
    assert outbox.urls == {YEARS, "/books/orlando/", WOOLF}


def test_a_usual_save_asks_nothing_for_old_values(outbox: Outbox, book: Book) -> None:
    assert book.author.slug == "woolf"  # what the rule reads is loaded
    book.slug = "years"
    with CaptureQueriesContext(connection) as queries:
        book.save()
    assert [query["sql"].split()[0] for query in queries] == ["UPDATE", "INSERT"]


def test_a_fixture_emits_the_default_tags(outbox: Outbox, tmp_path: Path) -> None:
    row = {"model": "library.book", "pk": 7, "fields": {"slug": "waves", "author": 9, "genres": [], "notes": {}}}
    end = {"model": "library.author", "pk": 9, "fields": {"slug": "woolf", "friends": [], "influences": []}}
    fixture = tmp_path / "books.json"
    fixture.write_text(json.dumps([row, end]))
    call_command("loaddata", str(fixture), verbosity=0)
    assert outbox.tags == {"library.book", "library.book:7", "library.author", "library.author:9"}
    assert outbox.urls == set()


def test_the_asynchronous_forms_emit_too(outbox: Outbox, author: Author) -> None:
    async def write() -> None:
        book = await Book.objects.acreate(slug="waves", author=author)
        book.slug = "years"
        await book.asave()
        await book.adelete()

    async_to_sync(write)()
    assert outbox.urls == {WAVES, YEARS, WOOLF}
    assert len(outbox.events) == 3


def test_a_row_with_a_key_of_its_own_making_is_tagged_by_it(outbox: Outbox) -> None:
    with CaptureQueriesContext(connection) as queries:
        ticket = Ticket.objects.create()
    assert outbox.tags == {"library.ticket", f"library.ticket:{ticket.pk}"}
    assert [query["sql"].split()[0] for query in queries][:2] == ["INSERT", "INSERT"]


def test_an_atomic_save_needs_no_transaction_around_it(outbox: Outbox) -> None:
    with CaptureQueriesContext(connection) as queries:
        Loan(slug="loan").save()
    verbs = [query["sql"].split()[0] for query in queries]
    assert verbs == ["BEGIN", "INSERT", "INSERT", "COMMIT"]
    assert outbox.announced == outbox.stored


def test_rules_that_fail_neither_fail_the_save_nor_lose_the_row(outbox: Outbox) -> None:
    with capture_logs() as logs:
        draft = Draft.objects.create()
    assert outbox.tags == {"library.draft", f"library.draft:{draft.pk}"}
    assert [line["event"] for line in logs] == ["invalidation_rules_failed", "event_recorded"]


def test_a_deferred_copy_looks_its_old_state_up(outbox: Outbox, book: Book) -> None:
    copied = copy.deepcopy(Book.objects.only("slug").get(pk=book.pk))
    Book.objects.filter(pk=book.pk).update(slug="years")
    outbox.forget()
    copied.slug = "orlando"
    copied.save()
    assert outbox.urls == {YEARS, "/books/orlando/", WOOLF}


def test_loading_a_row_sends_no_signal_and_copies_nothing(outbox: Outbox, author: Author) -> None:
    """What a page of a thousand rows pays a thousand times."""
    loaded = Author.objects.get()
    assert not post_init.has_listeners(Author)
    assert loaded.__dict__[STATES] == (author.pk, "woolf")

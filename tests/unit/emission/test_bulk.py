"""Bulk writes: one event for each statement, a bounded number of queries, old identity and new."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import IntegrityError, connection
from django.db.models import F, Value
from django.db.models.functions import Concat, Lower
from django.test.utils import CaptureQueriesContext

from invalidation import managers
from invalidation.emission import emit
from invalidation.targets.values import Targets
from tests.fixtures.library.kinds import Joint, Left, Right
from tests.fixtures.library.models import Author, Book, Document, Report
from tests.unit.emission.conftest import Outbox, said
from tests.unit.emission.databases import meeting

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.databases]

WOOLF = "/authors/woolf/"


def pages(*slugs: str) -> set[str]:
    return {WOOLF, *(f"/books/{slug}/" for slug in slugs)}


def verbs(queries: CaptureQueriesContext) -> list[str]:
    words = [query["sql"].split()[0] for query in queries]
    return [word for word in words if word in {"SELECT", "INSERT", "UPDATE", "DELETE"}]


@pytest.fixture
def books(author: Author, outbox: Outbox) -> list[Book]:
    Book.objects.bulk_create([Book(slug=f"book-{number}", author=author) for number in range(20)])
    outbox.forget()
    return list(Book.objects.order_by("pk"))


def test_bulk_create_is_one_event_and_reads_nothing(outbox: Outbox, author: Author) -> None:
    with CaptureQueriesContext(connection) as queries:
        created = Book.objects.bulk_create([Book(slug=slug, author=author) for slug in ("waves", "years")])
    assert verbs(queries) == ["INSERT", "INSERT"]
    assert len(outbox.events) == 1
    assert outbox.urls == pages("waves", "years")
    assert outbox.tags == {"library.book", *(f"library.book:{book.pk}" for book in created)}


def test_a_bulk_created_row_knows_its_old_state_at_its_next_save(outbox: Outbox, author: Author) -> None:
    (book,) = Book.objects.bulk_create([Book(slug="waves", author=author)])
    outbox.forget()
    book.slug = "years"
    book.save()
    assert outbox.urls == pages("waves", "years")
    assert outbox.tags == {"library.book", f"library.book:{book.pk}"}


def test_bulk_create_reads_expressions_back(outbox: Outbox, author: Author) -> None:
    Book.objects.bulk_create([Book(slug=Lower(Value("WAVES")), author=author)])
    assert outbox.urls == pages("waves")


def test_bulk_create_of_nothing_is_silent(outbox: Outbox) -> None:
    Book.objects.bulk_create([])
    assert outbox.events == []


def test_ignored_conflicts_name_the_rows_that_stand_afterwards(outbox: Outbox, book: Book) -> None:
    """The database says neither which were new nor their keys: what is unique in them does."""
    given = [Book(slug=slug, author=book.author) for slug in ("waves", "years")]
    Book.objects.bulk_create(given, ignore_conflicts=True)
    new = Book.objects.get(slug="years")
    assert outbox.tags == {"library.book", f"library.book:{book.pk}", f"library.book:{new.pk}"}
    assert outbox.urls == pages("waves") | pages("years")


def test_updated_conflicts_were_something_and_are_something(outbox: Outbox, book: Book) -> None:
    other = Author.objects.create(slug="joyce")
    outbox.forget()
    clash = Book(slug="waves", author=other)
    with CaptureQueriesContext(connection) as queries:
        Book.objects.bulk_create([clash], update_fields=["author"], **meeting("slug"))
    assert outbox.urls == {*pages("waves"), "/authors/joyce/"}
    assert f"library.book:{book.pk}" in outbox.tags
    assert len(outbox.events) == 1
    assert verbs(queries) == ["SELECT", "SELECT", "INSERT", "SELECT", "SELECT", "INSERT"]  # rows and their authors


def test_update_is_one_event_whatever_the_number_of_rows(outbox: Outbox, books: list[Book]) -> None:
    with CaptureQueriesContext(connection) as queries:
        Book.objects.filter(pk__in=[book.pk for book in books]).update(slug=Concat(F("slug"), Value("-new")))
    assert len(outbox.events) == 1
    assert outbox.urls == pages(*(f"book-{number}{new}" for number in range(20) for new in ("", "-new")))
    # Rows before, their authors (Rules.related), the update, rows after, their authors, the event.
    assert verbs(queries) == ["SELECT", "SELECT", "UPDATE", "SELECT", "SELECT", "INSERT"]


def test_update_of_no_rows_is_silent(outbox: Outbox, books: list[Book]) -> None:
    assert Book.objects.filter(slug="none").update(title="x") == 0
    assert outbox.events == []


def test_update_of_ignored_fields_alone_is_one_silent_statement(outbox: Outbox, books: list[Book]) -> None:
    with CaptureQueriesContext(connection) as queries:
        Book.objects.update(views=F("views") + 1)
    assert verbs(queries) == ["UPDATE"]
    assert outbox.events == []


def test_update_that_unpublishes_purges_what_was_public(outbox: Outbox, books: list[Book]) -> None:
    Book.objects.filter(pk=books[3].pk).update(public=False)
    assert outbox.urls == pages("book-3")


def test_update_keeps_its_condition(outbox: Outbox, books: list[Book]) -> None:
    assert Book.objects.filter(slug="book-3", views=0).update(views=1, title="claimed") == 1
    assert Book.objects.filter(slug="book-3", views=0).update(views=1, title="claimed") == 0


def test_update_through_a_related_manager_is_seen(outbox: Outbox, author: Author, books: list[Book]) -> None:
    author.books.filter(slug="book-1").update(title="x")
    assert outbox.urls == pages("book-1")


def test_adding_to_a_reverse_relation_is_seen_where_the_base_manager_is_ours(outbox: Outbox, book: Book) -> None:
    joyce = Author.objects.create(slug="joyce")
    outbox.forget()
    joyce.books.add(book)
    assert outbox.urls == {*pages("waves"), "/authors/joyce/"}


def test_update_of_a_parent_is_an_update_of_its_children(outbox: Outbox) -> None:
    reports = [Report.objects.create(slug=f"report-{number}", year=1999) for number in range(3)]
    outbox.forget()
    with CaptureQueriesContext(connection) as queries:
        Document.objects.update(slug=Concat(Value("new-"), F("slug")))
    assert {f"/reports/1999/new-report-{n}/" for n in range(3)} < outbox.urls
    assert {f"/documents/report-{n}/" for n in range(3)} < outbox.urls
    assert {f"library.report:{report.pk}" for report in reports} < outbox.tags
    own_and_both_children = ["SELECT"] * 3
    assert verbs(queries) == [*own_and_both_children, "UPDATE", *own_and_both_children, "INSERT"]


def test_bulk_update_is_one_event_with_old_and_new_identity(outbox: Outbox, books: list[Book]) -> None:
    for book in books:
        book.slug = f"{book.slug}-new"
    with CaptureQueriesContext(connection) as queries:
        Book.objects.bulk_update(books, ["slug"], batch_size=10)
    assert len(outbox.events) == 1
    assert outbox.urls == pages(*(f"book-{number}{new}" for number in range(20) for new in ("", "-new")))
    assert verbs(queries) == ["SELECT", "SELECT", "UPDATE", "SELECT", "SELECT"] * 2 + ["INSERT"]


def test_a_bulk_updated_row_knows_its_old_state_at_its_next_save(outbox: Outbox, book: Book) -> None:
    book.slug = "years"
    Book.objects.bulk_update([book], ["slug"])
    outbox.forget()
    book.slug = "orlando"
    book.save()
    assert outbox.urls == pages("years", "orlando")


def test_bulk_update_of_ignored_fields_is_silent(outbox: Outbox, books: list[Book]) -> None:
    for book in books:
        book.views += 1
    Book.objects.bulk_update(books, ["views"])
    assert outbox.events == []


def test_delete_is_one_event_with_its_cascade(outbox: Outbox, author: Author, books: list[Book]) -> None:
    with CaptureQueriesContext(connection) as queries:
        Author.objects.filter(pk=author.pk).delete()
    assert outbox.urls == pages(*(f"book-{number}" for number in range(20)))
    assert {"library.author", f"library.author:{author.pk}"} < outbox.tags
    assert len(outbox.events) == 1
    assert verbs(queries).count("INSERT") == 1


def test_delete_of_no_rows_is_silent(outbox: Outbox, books: list[Book]) -> None:
    Book.objects.filter(slug="none").delete()
    assert outbox.events == []


def test_the_asynchronous_forms_emit_too(outbox: Outbox, author: Author) -> None:
    async def write() -> None:
        books = await Book.objects.abulk_create([Book(slug="waves", author=author)])
        await Book.objects.aupdate(title="x")
        books[0].slug = "years"
        await Book.objects.abulk_update(books, ["slug"])
        await Book.objects.all().adelete()

    async_to_sync(write)()
    assert len(outbox.events) == 4
    assert outbox.urls == pages("waves", "years")


@pytest.mark.parametrize(
    "write",
    [
        lambda author: Book.objects.bulk_create([Book(slug="waves", author=author), Book(slug="waves", author=author)]),
        lambda author: Book.objects.update(slug="same"),
    ],
)
def test_a_statement_that_fails_emits_nothing(
    outbox: Outbox, author: Author, books: list[Book], write: Callable[[Author], Any]
) -> None:
    with pytest.raises(IntegrityError):
        write(author)
    assert outbox.events == []
    assert outbox.announced == set()


def test_a_huge_update_is_cut_into_events_of_bounded_size(
    outbox: Outbox, author: Author, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emit, "TARGETS_PER_EVENT", 500)
    Book.objects.bulk_create([Book(slug=f"book-{number}", author=author) for number in range(2500)])
    outbox.forget()
    assert Book.objects.update(title="x") == 2500
    assert outbox.urls == pages(*(f"book-{number}" for number in range(2500)))
    assert len(outbox.events) > 2
    assert max(len(str(event.targets)) for event in outbox.events) < 10_000_000
    assert len(outbox.announcements) == 1


def test_a_row_that_comes_to_meet_the_condition_meanwhile_stays_as_it_is(outbox: Outbox, author: Author) -> None:
    """Only rows that were read before are updated: what the others were is not known."""
    late = Book.objects.create(slug="late", author=author, title="x")

    def rename(_rules: Any, book: Book) -> list[str]:
        if book.slug == "early":
            with connection.cursor() as cursor:
                cursor.execute("UPDATE library_book SET slug = 'early-too' WHERE id = %s", [late.pk])
        return []

    Book.objects.create(slug="early", author=author)
    with said(Book, prefixes=rename):
        assert Book.objects.filter(slug__startswith="early").update(title="y") == 1
    assert Book.objects.get(pk=late.pk).title == "x"


@pytest.mark.parametrize("rows", [2, 3])
def test_the_statement_names_no_more_keys_than_are_read_at_once(
    books: list[Book], rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(managers, "ROWS_PER_READ", 2)
    with CaptureQueriesContext(connection) as queries:
        assert Book.objects.filter(slug__in=[book.slug for book in books[:rows]]).update(title="x") == rows
    [statement] = [query["sql"] for query in queries if query["sql"].startswith("UPDATE")]
    assert (f" IN ({', '.join(str(book.pk) for book in books[:rows])})" in statement) == (rows == 2)


def test_the_size_of_a_part_reaches_django(outbox: Outbox, author: Author) -> None:
    given = [Book(slug=slug, author=author) for slug in ("waves", "years")]
    with CaptureQueriesContext(connection) as creating:
        books = Book.objects.bulk_create(given, 1)
    assert verbs(creating) == ["INSERT", "INSERT", "INSERT"]
    with CaptureQueriesContext(connection) as updating:
        Book.objects.bulk_update(books, ["title"], 1)
    assert verbs(updating).count("UPDATE") == 2


def test_only_the_columns_of_a_bulk_update_are_known_as_stored(outbox: Outbox, book: Book) -> None:
    book.slug, book.title = "years", "x"
    Book.objects.bulk_update([book], ["title"])
    outbox.forget()
    book.save()
    assert outbox.urls == pages("waves", "years")


def test_a_bulk_write_is_as_urgent_as_its_rules_say(outbox: Outbox, books: list[Book]) -> None:
    with said(Book, lane="bulk"):
        Book.objects.update(title="x")
    assert [event.lane for event in outbox.events] == ["bulk"]


def test_join_rows_of_which_the_database_tells_no_keys_name_their_ends(outbox: Outbox) -> None:
    left, right = Left.objects.create(slug="l"), Right.objects.create(slug="r")
    outbox.forget()
    Joint.objects.bulk_create([Joint(left=left, right=right)], ignore_conflicts=True)
    assert outbox.urls == {"/left/l/", "/right/r/"}


def test_rows_of_which_the_database_tells_no_keys_are_compared_with_nothing(outbox: Outbox, author: Author) -> None:
    def changed(_rules: Any, old: Book | None, new: Book | None) -> Targets:
        return Targets.of(tags=[f"was.{old.slug if old else 'nothing'}", f"is.{new.slug if new else 'nothing'}"])

    with said(Book, changed=changed):
        Book.objects.bulk_create([Book(slug="waves", author=author)], ignore_conflicts=True)
    assert {"was.nothing", "is.waves"} <= outbox.tags

"""`suspend` and `widen`: nested, counted, reported, for one thread and one task alone."""

from __future__ import annotations

import asyncio
from threading import Thread

import pytest
from django.db import connections, transaction
from structlog.testing import capture_logs

import invalidation
from invalidation.emission.emit import suspension as in_force
from invalidation.exceptions import InvalidTarget
from tests.fixtures.library.models import Author, Book
from tests.unit.emission.conftest import Outbox, savepoint

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.databases]


def touch(book: Book, title: str = "The Waves") -> None:
    book.title = title
    book.save()


def test_a_suspended_block_emits_nothing_and_reports_what_it_kept(outbox: Outbox, book: Book) -> None:
    with capture_logs() as logs, invalidation.suspend("import") as suspension:
        touch(book)
        Book.objects.update(title="x")
    assert outbox.events == []
    assert suspension.suppressed == 2
    assert [(line["event"], line["reason"], line["suppressed"]) for line in logs] == [
        ("invalidation_suspended", "import", 2)
    ]


def test_an_inner_block_counts_for_the_outer_one(outbox: Outbox, book: Book) -> None:
    with invalidation.suspend("outer") as outer:
        touch(book)
        with invalidation.suspend("inner") as inner:
            touch(book, "x")
        touch(book, "y")
    assert (inner.suppressed, outer.suppressed) == (1, 3)
    touch(book, "z")
    assert len(outbox.events) == 1


def test_a_block_that_fails_is_over(outbox: Outbox, book: Book) -> None:
    with pytest.raises(ZeroDivisionError), invalidation.suspend("broken"):
        _ = 1 / 0
    touch(book)
    assert len(outbox.events) == 1


def test_an_ignored_write_is_not_counted(outbox: Outbox, book: Book) -> None:
    with invalidation.suspend("import") as suspension:
        book.views = 9
        book.save()
    assert suspension.suppressed == 0


def test_a_manual_invalidation_is_not_suspended(outbox: Outbox, book: Book) -> None:
    with invalidation.suspend("import"):
        invalidation.invalidate(tags=["library.book"])
    assert outbox.tags == {"library.book"}


def test_what_was_changed_while_suspended_is_an_old_state_afterwards(outbox: Outbox, book: Book) -> None:
    with invalidation.suspend("import"):
        book.slug = "years"
        book.save()
    book.slug = "orlando"
    book.save()
    assert outbox.urls == {"/books/years/", "/books/orlando/", "/authors/woolf/"}


def test_widening_makes_one_event_for_each_transaction(outbox: Outbox, author: Author) -> None:
    with invalidation.widen("library") as widening, transaction.atomic():
        for number in range(200):
            Book.objects.create(slug=f"book-{number}", author=author)
    (event,) = outbox.events
    assert event.targets == {"tags": ["library"]}
    assert widening.suppressed == 200
    assert outbox.announced == outbox.stored


def test_widening_survives_an_inner_rollback(outbox: Outbox, book: Book) -> None:
    with invalidation.widen("library"), transaction.atomic():
        sid = savepoint()
        touch(book)
        transaction.savepoint_rollback(sid)
        touch(book, "x")
    assert outbox.tags == {"library"}
    assert outbox.announced == outbox.stored


def test_widening_where_nothing_changes_emits_nothing(outbox: Outbox) -> None:
    with invalidation.widen("library"):
        pass
    assert outbox.events == []


def test_widening_inside_a_suspended_block_stays_silent(outbox: Outbox, book: Book) -> None:
    with invalidation.suspend("import"), invalidation.widen("library"):
        touch(book)
    assert outbox.events == []


def test_suspending_inside_a_widened_block_is_silent(outbox: Outbox, book: Book) -> None:
    with invalidation.widen("library"), invalidation.suspend("import"):
        touch(book)
    assert outbox.events == []


def test_widening_to_what_is_no_tag_is_refused() -> None:
    with pytest.raises(InvalidTarget), invalidation.widen("No Tag"):
        pass


def test_another_thread_is_not_suspended(outbox: Outbox, book: Book) -> None:
    def write() -> None:
        touch(book)
        connections.close_all()

    with invalidation.suspend("import") as suspension:
        thread = Thread(target=write)
        thread.start()
        thread.join()
    assert len(outbox.events) == 1
    assert suspension.suppressed == 0


def test_another_task_is_not_suspended() -> None:
    """One event loop, two tasks: the block of one is open while the other asks."""

    async def suspended(opened: asyncio.Event, asked: asyncio.Event) -> bool:
        with invalidation.suspend("import"):
            opened.set()
            await asked.wait()
            return in_force.get() is not None

    async def free(opened: asyncio.Event, asked: asyncio.Event) -> bool:
        await opened.wait()
        asked.set()
        return in_force.get() is None

    async def both() -> list[bool]:
        opened, asked = asyncio.Event(), asyncio.Event()
        return list(await asyncio.gather(suspended(opened, asked), free(opened, asked)))

    assert asyncio.run(both()) == [True, True]

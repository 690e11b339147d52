"""What is connected, and once; what a write reads, how urgent it is, and what others' signals make of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.db.models import Value
from django.db.models.functions import Lower
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings
from structlog.testing import capture_logs

import invalidation
from invalidation.emission import receivers, registry, relations
from invalidation.models import ScheduledEvent
from tests.fixtures.library.kinds import Child, Joint, Left, Parent, Plain
from tests.fixtures.library.models import Author, Book, Genre, Notice
from tests.unit.emission.conftest import Outbox, said

pytestmark = pytest.mark.django_db(transaction=True)

SIGNALS = (pre_save, post_save, pre_delete, post_delete, m2m_changed)


def connected() -> list[int]:
    """Receivers of each signal."""
    return [len(signal.receivers) for signal in SIGNALS]


def verbs(queries: CaptureQueriesContext) -> Counter[str]:
    words = Counter(query["sql"].split()[0] for query in queries)
    return Counter({word: words[word] for word in ("SELECT", "INSERT", "UPDATE", "DELETE") if words[word]})


def test_a_model_that_is_registered_again_is_connected_once() -> None:
    before, joins = connected(), registry.registered()[Joint]
    for model in (Genre, Author, Left):
        invalidation.register(model)
    assert connected() == before
    assert registry.registered()[Joint] is joins


def test_all_that_are_registered_may_be_connected_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_listening", [])
    before = connected()
    receivers.connect_all()
    assert connected() == before
    invalidation.register(Genre)
    assert connected() == before


def test_the_explicit_join_model_of_a_registered_model_has_rules_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_joining", {})
    try:
        invalidation.register(Left)
        rules = registry.registered()[Joint]
        assert isinstance(rules, relations.ThroughRules)
        assert rules.model is Joint
    finally:
        monkeypatch.undo()
        invalidation.register(Left)


def test_columns_that_are_not_written_are_not_looked_up(outbox: Outbox) -> None:
    Plain.objects.create(slug="a", note="x")
    row = Plain.objects.only("slug").get()
    row.slug, row.note = "b", "assigned, and not saved"
    with CaptureQueriesContext(connection) as queries:
        row.save(update_fields=["slug"])
    assert verbs(queries) == {"UPDATE": 1, "INSERT": 1}
    assert outbox.urls == {"/plain/a/", "/plain/b/"}


def test_a_column_that_nobody_sees_is_not_looked_up_either(outbox: Outbox) -> None:
    Plain.objects.create(slug="a", note="x")
    with said(Plain, ignore=["note"]):
        row = Plain.objects.only("slug").get()
        row.note = "y"
        with CaptureQueriesContext(connection) as queries:
            row.save(update_fields=["note"])
    assert verbs(queries) == {"UPDATE": 1}


def test_a_save_of_ignored_columns_alone_is_silent_though_it_changes_nothing(outbox: Outbox, book: Book) -> None:
    book.save(update_fields=["views"])
    assert outbox.events == []
    book.save(update_fields=["views", "title"])
    assert len(outbox.events) == 1


def test_what_a_new_row_holds_is_known_without_a_look(outbox: Outbox) -> None:
    row = Plain(slug="a")
    row.save()
    computed = Plain(slug=Lower(Value("C")))
    computed.save()
    outbox.forget()
    row.slug = computed.slug = "b"
    with CaptureQueriesContext(connection) as queries:
        row.save()
    assert verbs(queries) == {"UPDATE": 1, "INSERT": 1}
    row.delete()
    outbox.forget()
    with CaptureQueriesContext(connection) as queries:
        computed.save()
    assert verbs(queries) == {"UPDATE": 1, "INSERT": 1}
    assert outbox.urls == {"/plain/c/", "/plain/b/"}


def test_each_kind_of_write_is_as_urgent_as_the_rules_say(outbox: Outbox) -> None:
    with said(Plain, lane="bulk"):
        row = Plain(slug="a")
        row.save()
        row.note = "x"
        row.save()
        Plain(pk=row.pk, slug="a").save_base(raw=True)
        row.delete()
    assert [event.lane for event in outbox.events] == ["bulk"] * 4


def test_a_row_out_of_a_fixture_keeps_its_instants(outbox: Outbox) -> None:
    due_at = timezone.now() + timedelta(hours=1)
    Notice(pk=7, slug="a", opens_at=due_at).save_base(raw=True)
    assert [(row.owner, row.due_at) for row in ScheduledEvent.objects.all()] == [("library.notice:7", due_at)]


def test_a_row_that_another_receiver_moves_is_stale_where_it_went(outbox: Outbox) -> None:
    """As tree libraries do, by SQL of their own, for rules that ask before a write."""

    def move(instance: Plain, **_: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE library_plain SET slug = 'moved' WHERE id = %s", [instance.pk])

    row = Plain.objects.create(slug="a")
    outbox.forget()
    pre_save.connect(move, sender=Plain)
    try:
        with said(Plain, before=["get_absolute_url"]):
            row.save(update_fields=["note"])
    finally:
        pre_save.disconnect(move, sender=Plain)
    assert outbox.urls == {"/plain/a/", "/plain/moved/"}


def test_a_deletion_that_says_not_what_it_began_with_began_with_its_row(outbox: Outbox) -> None:
    """As sent by packages that delete by themselves."""
    row = Plain.objects.create(slug="a")
    outbox.forget()
    for signal in (pre_delete, post_delete):
        signal.send(Plain, instance=row, using="default")
    assert outbox.urls == {"/plain/a/"}


@pytest.mark.django_db(transaction=True, databases=["default", "other"])
class TestElsewhere:
    """In a database that isn't the default, with an outbox of its own."""

    @pytest.fixture(autouse=True)
    def _default_stays_silent(self, outbox: Outbox, other_outbox: Outbox) -> Iterator[None]:
        yield
        assert outbox.events == []

    def test_a_parents_saves_find_its_child_there(self, other_outbox: Outbox) -> None:
        Child(pk=7, slug="c").save(using="other")
        other_outbox.forget()
        parent = Parent.objects.using("other").get()
        parent.slug = "d"
        parent.save()
        assert {"/child/c/", "/child/d/"} <= other_outbox.urls
        other_outbox.forget()
        Parent(pk=7, slug="e").save_base(raw=True, using="other")
        assert other_outbox.tags >= {"library.child:7", "library.parent:7"}

    def test_what_the_database_computed_is_read_there(self, other_outbox: Outbox) -> None:
        Plain(slug=Lower(Value("A"))).save(using="other")
        assert other_outbox.urls == {"/plain/a/"}

    def test_what_is_deleted_unseen_is_looked_up_there(self, other_outbox: Outbox) -> None:
        Plain.objects.using("other").bulk_create([Plain(pk=7, slug="a")])
        other_outbox.forget()
        Plain(pk=7).delete(using="other")
        assert other_outbox.urls == {"/plain/a/"}

    def test_what_was_not_loaded_of_a_deleted_row_is_looked_up_there(self, other_outbox: Outbox) -> None:
        Plain.objects.using("other").bulk_create([Plain(pk=7, slug="a")])
        other_outbox.forget()
        Plain.objects.using("other").only("note").get().delete()
        assert other_outbox.urls == {"/plain/a/"}

    def test_instants_come_and_go_there(self, other_outbox: Outbox) -> None:
        due_at = timezone.now() + timedelta(hours=1)
        Notice(pk=7, slug="a", opens_at=due_at).save_base(raw=True, using="other")
        assert ScheduledEvent.objects.using("other").count() == 1
        Notice.objects.using("other").get().delete()
        assert ScheduledEvent.objects.using("other").count() == 0


@pytest.fixture
def scanned(settings: Settings, tmp_path: Path, author: Author, outbox: Outbox) -> Book:
    """A book with a file, whose object was looked at."""
    options = {"location": str(tmp_path), "base_url": "/media/"}
    backend = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": options}
    settings.STORAGES = {**settings.STORAGES, "default": backend}
    Book.objects.create(slug="waves", author=author, scan=ContentFile(b"one", name="page.txt"))
    outbox.forget()
    book = Book.objects.get()
    assert book.scan.name == "page.txt"
    return book


def test_a_file_that_was_looked_at_is_not_a_new_one(scanned: Book, outbox: Outbox) -> None:
    scanned.title = "other"
    scanned.save()
    assert "/media/page.txt" not in outbox.urls
    scanned.delete()
    assert "/media/page.txt" in outbox.urls


def test_a_row_that_is_saved_within_its_own_save_names_its_files(scanned: Book, outbox: Outbox) -> None:
    def save_once(instance: Book, **_: Any) -> None:
        pre_save.disconnect(save_once, sender=Book)
        instance.save()

    scanned.scan = ContentFile(b"two", name="other.txt")
    pre_save.connect(save_once, sender=Book)
    scanned.save()
    assert {"/media/page.txt", "/media/other.txt"} <= outbox.urls


@pytest.mark.parametrize(
    ("derived", "words"),
    [(lambda self, file: 1 / 0, "division by zero"), (lambda self, file: ["http://["], "http://[")],
    ids=["fails", "gives what is none"],
)
def test_what_is_wrong_with_a_derived_address_is_said_with_its_rule_and_row(
    scanned: Book, outbox: Outbox, derived: Callable[..., Any], words: str
) -> None:
    with capture_logs() as lines, said(Book, derived_urls=derived):
        scanned.scan = ContentFile(b"two", name="other.txt")
        scanned.save()
    [found] = [line for line in lines if line["event"] == "invalidation_rules_failed"]
    assert (found["rule"], found["model"], found["pk"]) == ("SomeRules.derived_urls", "library.Book", scanned.pk)
    assert words in found["error"]

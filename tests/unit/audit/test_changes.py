"""Changes of registered models are held against the events of their transactions, and who made one unseen is named."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.db import connection, connections, models, transaction
from django.utils import timezone

import invalidation
from invalidation import Rules
from invalidation.audit.changes import recorder, records, statements, unrecorded
from invalidation.audit.facts import Change
from invalidation.emission import registry
from invalidation.models import Event
from project.blog.models import Post
from tests.fixtures.library import invalidations as library
from tests.fixtures.library import kinds
from tests.fixtures.library.models import Author, Book, Document, Draft, Genre, Magazine, Memoir, Notice, Patron, Report
from tests.integration.blog.conftest import written
from tests.unit.audit.conftest import Registered, audit
from tests.unit.audit.test_pages import BLOG
from tests.unit.emission.conftest import deletions

pytestmark = [pytest.mark.django_db(transaction=True, databases=["default", "other"]), pytest.mark.databases]
postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL's own")
CHANGES = ("--part", "changes", "--settle", "0")
RULES: dict[type[models.Model], type[Rules]] = {
    Book: library.BookRules,
    Notice: library.NoticeRules,
    **dict.fromkeys((Author, Genre, Draft, Magazine, Report, Memoir, Patron), Rules),
    **dict.fromkeys((kinds.Pair, kinds.Token, kinds.Node), Rules),
}


@pytest.fixture(scope="module", autouse=True)
def _rows_are_deleted() -> Iterator[None]:
    """Faster than to truncate every table."""
    with pytest.MonkeyPatch.context() as patch:
        if connection.vendor == "postgresql":
            patch.setattr(type(connection.ops), "sql_flush", deletions)
        yield


@pytest.fixture(scope="module")
def standing(django_db_setup: None, django_db_blocker: Any) -> Iterator[set[str]]:
    """Names of databases that have the triggers, which take a second to put there."""
    databases: set[str] = set()
    yield databases
    with django_db_blocker.unblock():
        for name in databases:
            recorder.remove(connections[name])


@pytest.fixture
def noted(registered: Registered, transactional_db: None, standing: set[str]) -> None:
    """The triggers of a site, and nothing that they have noted yet."""
    registered(RULES)
    if "default" not in standing:
        recorder.install(connection)
        standing.add("default")
    execute("DELETE FROM invalidation_audit")
    execute("SELECT setval('invalidation_audit_room', 1)")


@pytest.fixture
def noted_anew(noted: None, standing: set[str]) -> Iterator[None]:
    """The same for who takes them away, or installs others."""
    yield
    standing.clear()
    for each in connections.all():
        recorder.remove(each)


def execute(sql: str, values: Any = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def forget() -> None:
    execute("DELETE FROM invalidation_audit")
    Event.objects.all().delete()


def unseen() -> list[tuple[str, list[str]]]:
    """Verb and table of each finding, and the tags that it shows."""
    findings = audit(*CHANGES)[1]["findings"]
    assert {one["code"] for one in findings} <= {"unrecorded"}
    shown = ((one["subject"].partition(" by ")[0], one["detail"]) for one in findings)
    return sorted((subject, detail.rpartition("such as ")[2].rstrip(".").split(", ")) for subject, detail in shown)


@pytest.fixture
def book(noted: None) -> Book:
    book = Book.objects.create(slug="waves", author=Author.objects.create(slug="woolf"))
    forget()
    return book


def saved(book: Book) -> None:
    book.slug = "years"
    book.save()


def joined(book: Book) -> None:
    book.genres.add(Genre.objects.create(slug="novel"))


def told(book: Book) -> None:
    with transaction.atomic():
        execute("UPDATE library_book SET slug = 'years'")
        invalidation.invalidate(tags=[f"library.book:{book.pk}"])


def told_afterwards(book: Book) -> None:
    execute("UPDATE library_book SET slug = 'years'")
    invalidation.invalidate(tags=[f"library.book:{book.pk}"])


def told_of_everything(book: Book) -> None:
    execute("UPDATE library_book SET slug = 'years'")
    invalidation.invalidate(everything=True)


def told_by_the_model(book: Book) -> None:
    execute("UPDATE library_book SET slug = 'years'")
    invalidation.invalidate(tags=["library.book"])


def widened(book: Book) -> None:
    with transaction.atomic(), invalidation.widen("catalogue"):
        saved(book)
        Genre.objects.create(slug="novel")


def inherited(_: Book) -> None:
    report = Report.objects.create(slug="first")
    report.year = 2001
    report.save()
    Memoir.objects.create(number=7, slug="mine").delete()


def keyed(_: Book) -> None:
    kinds.Pair.objects.create(slug="two", room=1, number=2)
    kinds.Token.objects.create(slug="one", id=uuid.uuid4()).delete()
    node = kinds.Node.objects.create(slug="child", parent=kinds.Node.objects.create(slug="parent"))
    node.friends.add(kinds.Node.objects.create(slug="friend"))


def triggered(_: Book) -> None:
    """Its table has the trigger that records."""
    execute("INSERT INTO library_magazine (slug, reads) SELECT 'x', 0 FROM generate_series(1, 300)")
    execute("UPDATE library_magazine SET slug = 'y'")


SEEN: list[Callable[[Book], Any]] = [
    saved,
    joined,
    told,
    told_afterwards,
    told_of_everything,
    told_by_the_model,
    widened,
    inherited,
    keyed,
    triggered,
    lambda book: Book.objects.update(slug="years"),
    lambda book: book.delete(),
    lambda book: book.author.delete(),
    lambda book: Author.objects.bulk_create([Author(slug=str(number)) for number in range(300)]),
    lambda book: Book.objects.filter(pk=book.pk).update(public=False),
    lambda book: Patron.objects.create(name="ada"),
    # No change that anybody sees:
    lambda book: execute("UPDATE library_book SET views = views + 1"),
    lambda book: execute("UPDATE library_book SET slug = slug"),
    lambda book: execute("DELETE FROM library_book WHERE id = -1"),
    lambda book: execute("INSERT INTO library_shelf (slug) VALUES ('not registered')"),
]


@postgresql
@pytest.mark.parametrize("write", SEEN, ids=lambda write: write.__name__.strip("<>"))
def test_what_events_tell_of_and_what_nobody_sees_is_no_finding(write: Callable[[Book], Any], book: Book) -> None:
    write(book)
    code, document = audit(*CHANGES)
    assert (code, document["findings"], document["not_held"], document["notes"]) == (0, [], [], [])


def invisible(book: Book) -> None:
    execute(
        "INSERT INTO library_book (id, title, slug, author_id, public, views, notes, scan)"
        " SELECT 999, '', 'draft', author_id, false, 0, '{}', '' FROM library_book"
    )


def shown_too_early(book: Book) -> None:
    """The event of another transaction was there before."""
    invalidation.invalidate(tags=[f"library.book:{book.pk}"])
    execute("UPDATE library_book SET slug = 'years'")


def told_of_another(book: Book) -> None:
    with transaction.atomic():
        execute("UPDATE library_book SET slug = 'years'")
        Book.objects.create(slug="other", author=book.author)


def suspended(book: Book) -> None:
    with invalidation.suspend("an import"):
        saved(book)


UNSEEN: list[tuple[Callable[[Book], Any], list[tuple[str, list[str]]]]] = [
    (lambda book: execute("UPDATE library_book SET slug = 'years'"), [("UPDATE library_book", ["library.book:{pk}"])]),
    (lambda book: execute("UPDATE library_book SET public = false"), [("UPDATE library_book", ["library.book:{pk}"])]),
    (shown_too_early, [("UPDATE library_book", ["library.book:{pk}"])]),
    (told_of_another, [("UPDATE library_book", ["library.book:{pk}"])]),
    (suspended, [("UPDATE library_book", ["library.book:{pk}"])]),
    (lambda book: Book.objects.all()._raw_delete("default"), [("DELETE library_book", ["library.book:{pk}"])]),
    (
        lambda book: models.QuerySet[Draft](Draft).bulk_create([Draft(id=5)]),
        [("INSERT library_draft", ["library.draft:5"])],
    ),
    # A manager that Django sends no signals for:
    (lambda book: Genre.objects.bulk_create([Genre(id=5)]), [("INSERT library_genre", ["library.genre:5"])]),
    (lambda book: execute("TRUNCATE library_magazine"), [("TRUNCATE library_magazine", ["library.magazine"])]),
    (
        lambda book: execute("INSERT INTO library_person (id, name) VALUES (5, 'ada')"),
        [("INSERT library_person", ["library.patron:5"])],
    ),
    (
        lambda book: execute(
            "INSERT INTO library_genre (id, slug) VALUES (5, 'x'); INSERT INTO library_book_genres"
            f" (book_id, genre_id) VALUES ({book.pk}, 5)"
        ),
        [
            ("INSERT library_book_genres", ["library.book:{pk}", "library.genre:5"]),
            ("INSERT library_genre", ["library.genre:5"]),
        ],
    ),
    (
        lambda book: execute(
            "INSERT INTO library_author (id, slug) VALUES (5, 'a'); UPDATE library_author SET id = 6 WHERE id = 5"
        ),
        [
            ("INSERT library_author", ["library.author:5"]),
            ("UPDATE library_author", ["library.author:5", "library.author:6"]),
        ],
    ),
]


@postgresql
@pytest.mark.parametrize(("write", "expected"), UNSEEN)
def test_a_change_that_no_event_tells_of_is_named(
    write: Callable[[Book], Any], expected: list[tuple[str, list[str]]], book: Book
) -> None:
    write(book)
    assert unseen() == [(subject, [tag.format(pk=book.pk) for tag in tags]) for subject, tags in expected]
    assert audit(*CHANGES)[0] == 1


@postgresql
def test_rows_that_the_public_never_saw_are_no_finding_and_those_that_it_saw_are(book: Book) -> None:
    invisible(book)
    execute("UPDATE library_book SET title = 'x' WHERE id = 999")
    execute("DELETE FROM library_book WHERE id = 999")
    assert unseen() == []
    assert audit(*CHANGES)[1]["looked_at"]["changes"] == 3


@postgresql
def test_a_rolled_back_change_is_none(book: Book) -> None:
    with transaction.atomic():
        execute("UPDATE library_book SET slug = 'years'")
        transaction.set_rollback(True)
    assert audit(*CHANGES)[1]["looked_at"]["changes"] == 0


@postgresql
def test_a_parent_row_is_its_registered_children(noted: None) -> None:
    report = Report.objects.create(slug="first")
    Document.objects.create(slug="no report")
    forget()
    execute("UPDATE library_document SET slug = slug || 'x'")
    assert unseen() == [("UPDATE library_document", [f"library.report:{report.pk}"])]


@postgresql
def test_a_row_that_an_instant_makes_public_is_told_of_by_then(noted: None) -> None:
    notice = Notice.objects.create(slug="soon", opens_at=timezone.now() - timedelta(seconds=1))
    forget()
    execute("UPDATE library_notice SET slug = 'later'")
    execute("UPDATE invalidation_audit SET at = at - interval '1 hour'")
    assert unseen() == [("UPDATE library_notice", [f"library.notice:{notice.pk}"])]
    invalidation.invalidate(tags=["library.notice", f"library.notice:{notice.pk}"])
    assert unseen() == []


@postgresql
def test_a_database_without_an_outbox_is_told_of_by_events_in_another(noted_anew: None) -> None:
    recorder.install(connections["other"])
    Genre.objects.using("other").create(slug="novel")
    assert unseen() == []
    with connections["other"].cursor() as cursor:
        cursor.execute("UPDATE library_genre SET slug = 'essay'")
    key = Genre.objects.using("other").get().pk
    assert unseen() == [("UPDATE library_genre", [f"library.genre:{key}"])]
    invalidation.invalidate(tags=[f"library.genre:{key}"])
    assert unseen() == []


@postgresql
def test_who_made_it_is_named_by_application_role_and_query_without_values(noted: None, book: Book) -> None:
    settings = connection.get_connection_params() | {"application_name": "nightly-import"}
    settings = {key: value for key, value in settings.items() if key in ("host", "port", "user", "dbname", "password")}
    with psycopg.connect(**settings, application_name="nightly-import") as other:
        for secret in ("hunter2", "it''s -- secret", "x"):
            other.execute(f"UPDATE library_book /* don't */ SET title = '{secret}', views = 42\n WHERE slug <> 'y'")
    code, document = audit(*CHANGES)
    [one] = document["findings"]
    assert (code, one["subject"], one["times"]) == (1, "UPDATE library_book by nightly-import", 3)
    query = "UPDATE library_book ? SET title = ?, views = ? WHERE slug <> ?"
    assert one["blame"] == f"{query} (application 'nightly-import', role '{connection.settings_dict['USER']}')"
    assert audit(*CHANGES, "--accept", "* by nightly-import")[0] == 0


TEXTS = [
    ("SELECT 'a', 1.5, x2", "SELECT ?, …, x2"),
    ("SELECT 'a', 'b', 'c'", "SELECT ?, …"),
    ("SELECT E'a\\'b secret', 'secret'", "SELECT ?, …"),
    ("SELECT 'a\\', 'secret'", "SELECT ?, …"),
    ("SELECT 'a--b',\n 'secret'", "SELECT ?, …"),
    ("SELECT 'a/*b', 'secret' /* 'x' */ ", "SELECT ?, … ?"),
    ("SELECT -- it's\n 'secret'", "SELECT ? ?"),
    ("SELECT $tag$ secret $tag$ , 1", "SELECT ?"),
    ("SELECT 'secret" + "x" * 5000 + "'", "SELECT ?"),
    ("SELECT 1 /* secret" + "x" * 5000 + "*/", "SELECT ? ?"),
    ("SELECT E'secret\\" + "x" * 5000 + "'", "SELECT ?"),
    ("UPDATE t SET a = 'secret''s' WHERE b IN (1, 2, 3)", "UPDATE t SET a = ? WHERE b IN (?, …)"),
    ('SELECT "a column" FROM t', 'SELECT "a column" FROM t'),
]


@postgresql
@pytest.mark.parametrize(("text", "shown"), TEXTS)
def test_no_value_of_a_query_is_kept(text: str, shown: str, db: None) -> None:
    values = statements._text(statements.VALUES)
    expression = statements.QUERY.format(values=values).replace("current_query()", statements._text(text))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {expression}")
        assert cursor.fetchone()[0].strip() == shown


@postgresql
def test_only_what_rules_need_of_a_row_is_kept(book: Book) -> None:
    saved(book)
    with connection.cursor() as cursor:
        cursor.execute("SELECT relation, known::text FROM invalidation_audit ORDER BY relation")
        known = dict(cursor.fetchall())
    assert known["invalidation_event"].count("id") == 1
    assert all(column in known["library_book"] for column in ("public", "old", "new", "slug"))
    assert "notes" not in known["library_book"]  # JSON is long, and no rule of visibility goes by it
    assert "views" not in known["library_book"]  # ignored


@postgresql
def test_a_huge_statement_leaves_a_small_note(noted: None) -> None:
    execute("INSERT INTO library_genre (slug) SELECT 'x' FROM generate_series(1, 20000)")
    with connection.cursor() as cursor:
        cursor.execute("SELECT rows, jsonb_array_length(known) FROM invalidation_audit")
        assert cursor.fetchall() == [(statements.COUNTED, statements.ROWS)]
    assert [subject for subject, _ in unseen()] == ["INSERT library_genre"]


@postgresql
def test_without_room_nothing_is_noted_no_write_fails_and_the_audit_says_so(
    noted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(f"SELECT setval('invalidation_audit_room', {statements.MOST})")
    execute("INSERT INTO library_genre (slug) VALUES ('x')")
    Genre.objects.create(slug="seen")  # its event still is noted
    with connection.cursor() as cursor:
        cursor.execute("SELECT relation FROM invalidation_audit")
        assert cursor.fetchall() == [("invalidation_event",)]
    code, document = audit(*CHANGES)
    assert (code, document["not_held"]) == (2, ["changes: the notes of default were full; run the audit more often"])
    assert audit(*CHANGES)[0] == 0  # it has made room


@postgresql
def test_old_notes_are_removed_and_new_ones_kept(noted: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "REMOVED_AT_ONCE", 10)
    for number in range(35):
        execute("INSERT INTO library_genre (slug) VALUES (%s)", [str(number)])
    execute("UPDATE invalidation_audit SET at = at - interval '3 hours' WHERE id % 5 > 0")
    audit(*CHANGES, "--keep", "2")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), (SELECT last_value FROM invalidation_audit_room) FROM invalidation_audit")
        assert cursor.fetchone() == (7, 8)


@postgresql
def test_a_table_that_somebody_dropped_fails_no_write(noted_anew: None) -> None:
    execute("DROP TABLE invalidation_audit")
    Author.objects.create(slug="woolf")
    execute("DROP SEQUENCE invalidation_audit_room")
    Author.objects.update(slug="joyce")
    assert Event.objects.count() == 2


@postgresql
@pytest.mark.parametrize(
    "migrated",
    [
        "ALTER TABLE library_book DROP COLUMN public CASCADE",
        "ALTER TABLE library_book RENAME COLUMN slug TO address",
        "ALTER TABLE library_book RENAME COLUMN id TO number",
        "ALTER TABLE library_book ADD COLUMN more text",
        "ALTER TABLE library_book RENAME TO library_volume",
    ],
)
def test_a_migration_of_a_watched_table_fails_no_write_after_it(migrated: str, book: Book) -> None:
    table = "library_volume" if "TO library_volume" in migrated else "library_book"
    with transaction.atomic():
        execute(migrated)
        execute(f"UPDATE {table} SET title = 'x'")
        execute(f"DELETE FROM {table}")
        transaction.set_rollback(True)


@postgresql
def test_a_table_of_a_type_that_could_fail_a_note_is_not_watched(
    noted_anew: None, capsys: pytest.CaptureFixture[str]
) -> None:
    recorder.remove(connection)
    execute("ALTER TABLE library_genre ADD COLUMN raw json")
    try:
        call_command("invalidation_audit", "--install")
        assert "default: 18 tables are watched. Not watched: library_genre." in capsys.readouterr().out
        execute("INSERT INTO library_genre (slug, raw) VALUES ('x', %s)", [r'{"a": "\u0000"}'])
    finally:
        execute("ALTER TABLE library_genre DROP COLUMN raw")


@postgresql
def test_a_table_of_another_version_is_made_anew_by_installing(noted_anew: None) -> None:
    execute("ALTER TABLE invalidation_audit DROP COLUMN query")
    recorder.install(connection)
    execute("INSERT INTO library_genre (slug) VALUES ('x')")
    assert [subject for subject, _ in unseen()] == ["INSERT library_genre"]


@postgresql
def test_a_role_that_may_not_see_the_notes_may_write(noted: None) -> None:
    execute("CREATE ROLE importer; GRANT INSERT ON library_genre TO importer")
    execute("GRANT USAGE ON library_genre_id_seq TO importer")
    try:
        execute("SET ROLE importer; INSERT INTO library_genre (slug) VALUES ('x')")
    finally:
        execute("RESET ROLE; DROP OWNED BY importer; DROP ROLE importer")
    assert [subject for subject, _ in unseen()] == ["INSERT library_genre"]


@postgresql
def test_an_event_that_was_pruned_is_given_the_benefit_of_the_doubt(book: Book) -> None:
    saved(book)
    Event.objects.all().delete()
    assert unseen() == []


@postgresql
def test_a_table_of_another_version_is_said_and_ends_in_2(noted_anew: None) -> None:
    execute("ALTER TABLE invalidation_audit DROP COLUMN known")
    code, document = audit(*CHANGES)
    assert (code, document["findings"]) == (2, [])
    assert "known" in document["not_held"][0]


@postgresql
@pytest.mark.parametrize(
    "known", ["[7]", '[{"new": {"id": "no number"}}]', '[{"new": 7}]', '{"new": {"id": 1}}', '[{"new": {"public": 1}}]']
)
def test_notes_of_another_version_are_counted_and_left_out(known: str, book: Book) -> None:
    execute("UPDATE library_book SET slug = 'years'")
    execute("UPDATE invalidation_audit SET known = %s", [known])
    code, document = audit(*CHANGES)
    assert (code, document["findings"]) == (0, [])
    assert document["looked_at"]["changes"] == (1 if "public" in known else 0)


@postgresql
def test_rules_that_have_changed_since_are_told_and_installing_again_follows_them(
    noted_anew: None, registered: Registered
) -> None:
    class Ignoring(Rules):
        ignore = ("slug",)

    registered({**RULES, Genre: Ignoring, kinds.Plain: Rules})
    notes = audit(*CHANGES)[1]["notes"]
    assert notes == [
        f"Not watched as the rules are by now, so --install again: {tables}."
        for tables in ("library_genre, library_plain",)
    ]
    recorder.install(connection)
    assert audit(*CHANGES)[1]["notes"] == []
    Genre.objects.create(slug="x")
    forget()
    execute("UPDATE library_genre SET slug = 'y'")
    assert unseen() == []


@postgresql
def test_installing_is_repeated_without_a_lock_and_removing_leaves_nothing(
    noted_anew: None, capsys: pytest.CaptureFixture[str]
) -> None:
    with transaction.atomic():
        execute("LOCK TABLE library_genre IN ROW EXCLUSIVE MODE")  # what any write takes
        recorder.install(connection)
    call_command("invalidation_audit", "--install")
    assert "default: " in capsys.readouterr().out
    call_command("invalidation_audit", "--remove")
    assert recorder.existing(connection) == {}
    assert not recorder.is_installed(connection)
    assert "default: 0 triggers" not in capsys.readouterr().out
    Genre.objects.create(slug="novel")
    assert audit(*CHANGES)[0] == 2
    assert audit("--part", "changes")[1]["not_held"] == [
        "changes are not held against events before `invalidation_audit --install` (PostgreSQL)"
    ]


@postgresql
def test_a_table_that_is_busy_for_long_is_not_waited_for(
    noted_anew: None, registered: Registered, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder.remove(connection)
    registered({Genre: Rules})
    monkeypatch.setattr(recorder, "LOCK_TIMEOUT_MILLISECONDS", 50)
    settings = connection.get_connection_params()
    settings = {key: value for key, value in settings.items() if key in ("host", "port", "user", "dbname", "password")}
    with psycopg.connect(**settings) as other:
        other.execute("INSERT INTO library_genre (slug) VALUES ('x')")
        with pytest.raises(CommandError, match="lock timeout") as error:
            call_command("invalidation_audit", "--install")
    assert error.value.returncode == 2


@postgresql
def test_newer_changes_wait_for_their_events(noted: None) -> None:
    execute("INSERT INTO library_genre (slug) VALUES ('x')")
    assert audit("--part", "changes")[1]["looked_at"]["changes"] == 0


@postgresql
def test_only_the_newest_are_read(noted: None) -> None:
    for _ in range(5):
        execute("INSERT INTO library_genre (slug) VALUES ('x')")
    document = audit(*CHANGES, "--limit", "3")[1]
    assert document["looked_at"]["changes"] == 3
    assert document["notes"] == ["Of the changes only the newest 3 were looked at: raise --limit."]


@postgresql
def test_nothing_that_the_reference_blog_does_through_django_is_unseen(
    noted_anew: None, registered: Registered
) -> None:
    recorder.remove(connection)
    registered(BLOG)
    recorder.install(connection)
    with transaction.atomic():
        blog = written()
    post, draft, author = blog.published, blog.draft, blog.author
    forget()
    post.title = "Day trains"
    post.save()
    Post.objects.filter(pk=draft.pk).update(title="Still secret")
    draft.tags.clear()
    draft.status = Post.Status.PUBLISHED
    draft.save(update_fields=["status"])
    draft.tags.add(blog.tag)
    User.objects.get(pk=author.pk).groups.add(Group.objects.create(name="editors"))
    User.objects.filter(pk=author.pk).update(last_login=timezone.now())
    user = User.objects.get(pk=author.pk)
    user.username = "amara2"
    user.save()
    blog.category.slug = "journeys"
    blog.category.save()
    Post.objects.filter(pk=post.pk).update(view_count=7)
    post.delete()
    blog.tag.delete()
    code, document = audit(*CHANGES)
    assert document["findings"] == []
    assert (code, document["notes"], document["looked_at"]["changes"] > 8) == (0, [], True)
    models.QuerySet[Post](Post).filter(pk=draft.pk).update(status=Post.Status.DRAFT)
    assert unseen() == [("UPDATE blog_post", [f"blog.post:{draft.pk}"])]


def test_long_names_are_cut_and_shared_by_nobody() -> None:
    names = {statements.name_of(f"{'table' * 12}{end}", "INSERT") for end in ("a", "b")}
    assert len(names) == 2
    assert max(map(len, names)) <= statements.NAME_BYTES


@pytest.mark.skipif(connection.vendor == "postgresql", reason="other databases")
def test_another_database_is_told_and_nothing_is_called_sound() -> None:
    with pytest.raises(CommandError, match="PostgreSQL alone") as error:
        call_command("invalidation_audit", "--install")
    assert error.value.returncode == 2
    assert audit("--part", "changes")[0] == 2
    assert "changes are not held" in audit()[1]["notes"][-1]


AT = datetime(2026, 11, 30, tzinfo=UTC)
ROW = "shop.item:1"


def change(tag: str = ROW, **values: Any) -> Change:
    known: dict[str, Any] = {
        "table": "shop_item",
        "verb": "UPDATE",
        "rows": 1,
        "query": "",
        "application": "",
        "role": "ops",
    }
    return Change(("default", 1), AT, expected=frozenset({tag}), **(known | values))


@pytest.mark.parametrize(
    ("targets", "source", "transaction", "seconds", "covered"),
    [
        ({"tags": ["shop.item", ROW]}, "signal", 1, -60, True),  # the same transaction, whenever
        ({"tags": ["shop.item", ROW]}, "signal", 2, 5, True),
        ({"tags": ["shop.item", ROW]}, "signal", 2, -1, False),  # purged before the change
        ({"tags": ["shop.item", ROW]}, "signal", 2, 11, False),
        ({"tags": ["shop.item", "shop.item:2"]}, "signal", 1, 0, False),  # a tag never covers another
        ({"tags": ["shop.item"]}, "code", 1, 0, True),  # all of the model
        ({"tags": ["shop.items"]}, "code", 1, 0, False),
        ({"tags": ["catalogue"]}, "signal", 1, 0, True),  # widened
        ({"tags": ["catalogue"]}, "signal", 2, 0, False),
        ({"tags": ["catalogue"]}, "code", 1, 0, False),
        ({"tags": ["catalogue"], "urls": ["/"]}, "signal", 1, 0, False),
        ({"everything": True}, "code", 2, 5, True),
        ({"urls": ["/"]}, "code", 1, 0, False),
        (None, "", 1, 0, True),  # pruned
        ({"tags": "none"}, "code", 1, 0, True),  # of another version
        ({"tags": [7, ROW]}, "code", 1, 0, True),
    ],
)
def test_events_are_held_against_a_change(
    targets: Any, source: str, transaction: int, seconds: int, covered: bool
) -> None:
    at = AT + timedelta(seconds=seconds)
    event = unrecorded.recorded(("default", transaction), at, source, targets, {ROW})
    assert (unrecorded.judged([change()], [event]) == []) is covered


def test_an_instant_to_come_may_tell_of_a_change_at_any_later_time() -> None:
    event = unrecorded.recorded(("default", 2), AT + timedelta(days=3), "time", {"tags": ["shop.item", ROW]}, {ROW})
    assert unrecorded.judged([change(is_timed=True)], [event]) == []
    assert len(unrecorded.judged([change()], [event])) == 1


def test_a_removal_of_all_rows_is_not_told_of_by_an_event_of_one() -> None:
    event = unrecorded.recorded(("default", 1), AT, "signal", {"tags": ["shop.item", ROW]}, {"shop.item"})
    assert len(unrecorded.judged([change("shop.item")], [event])) == 1


def test_transactions_of_two_databases_are_not_taken_for_each_other() -> None:
    event = unrecorded.recorded(("other", 1), AT - timedelta(seconds=1), "signal", {"tags": [ROW]}, {ROW})
    assert len(unrecorded.judged([change()], [event])) == 1


def test_the_registry_is_left_as_it_was() -> None:
    assert registry.registered()

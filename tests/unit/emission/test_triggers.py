"""Raw SQL on a table with the trigger is recorded; other tables and other databases are named by a check."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, models, transaction
from django.db.migrations.state import ModelState, ProjectState

from invalidation.emission import emit
from invalidation.triggers import InstallTrigger
from tests.fixtures.library.models import Magazine
from tests.unit.emission.conftest import Outbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.databases]
postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL's own")


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.fixture
def magazine(outbox: Outbox) -> Magazine:
    magazine = Magazine.objects.create(slug="dial")
    outbox.forget()
    return magazine


def tags(*keys: int) -> list[str]:
    return ["library.magazine", *(f"library.magazine:{key}" for key in keys)]


@postgresql
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE library_magazine SET slug = 'egoist'",
        "DELETE FROM library_magazine",
        "INSERT INTO library_magazine (id, slug, reads) VALUES ({pk}, 'x', 0) ON CONFLICT (id) DO UPDATE SET slug='x'",
    ],
    ids=["update", "delete", "upsert"],
)
def test_raw_sql_is_recorded(outbox: Outbox, magazine: Magazine, sql: str) -> None:
    execute(sql.format(pk=magazine.pk))
    (event,) = outbox.events
    assert event.targets == {"tags": tags(magazine.pk)}
    assert (event.source, event.status, event.lane) == ("trigger", "pending", "editorial")
    assert outbox.announced == set()  # the sweep finds it


@postgresql
def test_a_copied_table_is_one_event(outbox: Outbox) -> None:
    execute("INSERT INTO library_magazine (slug, reads) SELECT 'copy-' || n, 0 FROM generate_series(1, 100) AS n")
    (event,) = outbox.events
    assert set(event.targets["tags"]) == set(tags(*Magazine.objects.values_list("pk", flat=True)))


@postgresql
def test_a_huge_statement_is_cut_into_events_of_bounded_size(outbox: Outbox) -> None:
    number = emit.TARGETS_PER_EVENT + 1
    execute(f"INSERT INTO library_magazine (slug, reads) SELECT 'x', 0 FROM generate_series(1, {number})")
    assert sorted(len(event.targets["tags"]) for event in outbox.events) == [2, number]


@postgresql
def test_ignored_columns_unchanged_rows_and_no_rows_are_silent(outbox: Outbox, magazine: Magazine) -> None:
    execute("UPDATE library_magazine SET reads = reads + 1")
    execute("UPDATE library_magazine SET slug = slug")
    execute("DELETE FROM library_magazine WHERE id = 0")
    assert outbox.events == []


@postgresql
def test_a_changed_key_was_one_row_and_is_another(outbox: Outbox, magazine: Magazine) -> None:
    execute("UPDATE library_magazine SET id = id + 1000")
    assert outbox.tags == {*tags(magazine.pk, magazine.pk + 1000)}


@postgresql
def test_a_rolled_back_statement_leaves_nothing(outbox: Outbox, magazine: Magazine) -> None:
    with transaction.atomic():
        execute("UPDATE library_magazine SET slug = 'egoist'")
        transaction.set_rollback(True)
    assert outbox.events == []


@postgresql
def test_a_save_is_recorded_by_signal_and_trigger_with_the_same_tags(outbox: Outbox, magazine: Magazine) -> None:
    magazine.slug = "egoist"
    magazine.save()
    assert {event.source for event in outbox.events} == {"signal", "trigger"}
    assert outbox.tags == {*tags(magazine.pk)}


def test_the_migration_can_be_undone_and_repeated(outbox: Outbox, magazine: Magazine) -> None:
    state = ProjectState.from_apps(apps)
    operation = InstallTrigger("magazine", ignore=["reads"])
    for move in (operation.database_backwards, operation.database_forwards, operation.database_forwards):
        with connection.schema_editor() as editor:
            move("library", editor, state, state)
        execute("UPDATE library_magazine SET slug = REPLACE(slug, 'l', 'lx')")
    assert len(outbox.events) == (2 if connection.vendor == "postgresql" else 0)


def test_a_key_outside_the_tag_alphabet_is_refused() -> None:
    class Isbn(models.Model):
        code = models.CharField(max_length=20, primary_key=True)

        class Meta:
            app_label = "library"

    state = ProjectState()
    state.add_model(ModelState.from_model(Isbn))
    with pytest.raises(ImproperlyConfigured, match="Isbn"), connection.schema_editor() as editor:
        InstallTrigger("isbn").database_forwards("library", editor, state, state)


def test_a_check_of_the_database_names_the_tables_that_raw_sql_changes_unseen() -> None:
    found = [one for one in checks.run_checks(databases=["default"]) if one.id == "invalidation.I001"]
    assert len(found) == 1
    assert "library_book" in found[0].msg
    assert ("library_magazine" in found[0].msg) is (connection.vendor != "postgresql")

"""Instants in detail: with whom and how urgently they are kept, how many fire at once, how long a page knows one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection, transaction
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings
from structlog.testing import capture_logs

from invalidation import context
from invalidation.emission import instants
from invalidation.models import ScheduledEvent
from invalidation.rows import instants as scheduled
from tests.fixtures.library.kinds import Child, Parent
from tests.fixtures.library.models import Notice
from tests.unit.emission.conftest import Outbox, said

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def make(number: int, opens_in: timedelta = HOUR) -> list[Notice]:
    at = timezone.now() + opens_in
    return Notice.objects.bulk_create([Notice(slug=f"n{n}", opens_at=at + timedelta(seconds=n)) for n in range(number)])


def let_come() -> None:
    ScheduledEvent.objects.update(due_at=timezone.now() - HOUR)


def test_an_instant_is_kept_as_its_rules_say_and_with_who_asked_and_where(outbox: Outbox) -> None:
    request = RequestFactory().get("/")
    request.user = User(username="grace")
    context.traced_by(lambda: TRACE)
    try:
        with context.serving(request), said(Notice, lane="bulk", mode="refresh"):
            make(1)
    finally:
        context.untraced()
    [kept] = ScheduledEvent.objects.all()
    assert (kept.lane, kept.mode, kept.actor, kept.traceparent) == ("bulk", "refresh", "grace", TRACE)
    let_come()
    outbox.forget()
    instants.fire("default")
    [event] = outbox.events
    assert (event.lane, event.mode, event.actor, event.traceparent) == ("bulk", "refresh", "grace", TRACE)


def test_an_instant_that_is_now_has_come_with_the_write_itself(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now)
    Notice.objects.create(slug="a", opens_at=now, closes_at=now + timedelta(microseconds=1))
    assert [row.due_at for row in ScheduledEvent.objects.all()] == [now + timedelta(microseconds=1)]


def test_more_instants_than_a_statement_takes_are_stored_and_withdrawn(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduled, "AT_ONCE", 2)
    made = make(5)
    assert {row.key for row in ScheduledEvent.objects.all()} == {str(notice.pk) for notice in made}
    later = timezone.now() + 5 * HOUR
    Notice.objects.update(opens_at=later)
    assert [row.due_at for row in ScheduledEvent.objects.all()] == [later] * 5
    Notice.objects.all().delete()
    assert not ScheduledEvent.objects.exists()


def test_one_call_fires_a_bounded_number_and_the_next_goes_on(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instants, "CHUNK", 2)
    monkeypatch.setattr(instants, "MOST_CHUNKS", 2)
    make(7)
    let_come()
    outbox.forget()
    assert [instants.fire("default") for _ in range(3)] == [4, 3, 0]
    assert len({event.reason for event in outbox.events}) == 7


def test_one_that_was_withdrawn_while_it_is_fired_is_none(outbox: Outbox) -> None:
    make(1)
    rows = list(ScheduledEvent.objects.all())
    Notice.objects.all().delete()
    outbox.forget()
    assert instants._fire(rows, "default") == 0
    assert outbox.events == []


def test_of_many_of_which_one_was_withdrawn_the_others_are_fired_once(outbox: Outbox) -> None:
    made = make(3)
    rows = list(ScheduledEvent.objects.order_by("id"))
    made[1].delete()
    outbox.forget()
    assert instants._fire(rows, "default") == 2
    assert not ScheduledEvent.objects.exists()
    assert len(outbox.events) == 2
    assert f"library.notice:{made[1].pk}" not in outbox.tags


def test_rules_whose_instants_fail_are_named(outbox: Outbox) -> None:
    with capture_logs() as lines, said(Notice, changes_at=lambda self, notice: 1 / 0):
        make(1)
    assert {line.get("rule") for line in lines if line["log_level"] == "error"} == {"SomeRules.changes_at"}


def test_an_instant_of_an_app_that_is_gone_is_fired_by_its_tags(outbox: Outbox) -> None:
    owner = {"model": "gone.row", "owner": "gone.row:7", "key": "7", "source": "time"}
    ScheduledEvent.objects.create(due_at=timezone.now() - HOUR, **owner)
    assert instants.fire("default") == 1
    assert outbox.targets.document() == {"tags": ["gone.row", "gone.row:7"]}


def test_each_row_is_asked_for_itself_what_it_shows_then(outbox: Outbox) -> None:
    first, second = make(2)
    let_come()
    outbox.forget()
    instants.fire("default")
    found = {tuple(sorted(event.targets["tags"])): event.targets["urls"] for event in outbox.events}
    assert found == {
        ("library.notice", f"library.notice:{notice.pk}"): [f"/notices/{notice.slug}/"] for notice in (first, second)
    }


def test_an_instant_of_a_child_is_found_by_its_parents_columns_too(outbox: Outbox) -> None:
    due_at = timezone.now() + HOUR

    def changes_at(_rules: object, child: Child) -> list[datetime]:
        return [due_at + child.year * HOUR] if child.note else []

    with said(Child, changes_at=changes_at):
        child = Child.objects.create(slug="c", note="x", year=1)
        parent = Parent.objects.get()
        parent.slug = "d"
        with CaptureQueriesContext(connection) as queries:
            parent.save()
        assert not [query for query in queries if "scheduledevent" in query["sql"]]
        assert [row.due_at for row in ScheduledEvent.objects.all()] == [due_at + HOUR]
        parent.note = ""
        parent.save()
        assert not ScheduledEvent.objects.exists()
        assert child.pk == parent.pk


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """One reading of the monotonic clock, to be moved."""
    reading = [0.5]
    monkeypatch.setattr(instants, "monotonic", lambda: reading[0])
    instants._known.clear()
    yield reading
    instants._known.clear()


NOTICES = frozenset({"library.notice"})


def ends(*tags: str, after: datetime | None = None) -> tuple[datetime | None, int]:
    """When a page ends within a day, and by how many queries that was found out."""
    now = timezone.now()
    with CaptureQueriesContext(connection) as queries:
        moment = instants.next_instant(frozenset(tags) or NOTICES, after or now, now + 24 * HOUR)
    return moment, len(queries)


def test_when_a_page_ends_is_asked_once_in_five_seconds(outbox: Outbox, clock: list[float]) -> None:
    first, second = (notice.opens_at for notice in make(2))
    assert (ends(), ends()) == ((first, 1), (first, 0))
    clock[0] += instants.KNOWN_SECONDS
    assert ends() == (first, 0)
    clock[0] += 0.1
    assert (ends(), ends()) == ((first, 1), (first, 0))
    assert first
    assert ends(after=first) == (second, 1)
    assert second
    assert (ends(after=second), ends()) == ((None, 1), (None, 0))


def test_what_this_process_stores_is_known_at_once_and_what_is_rolled_back_never(
    outbox: Outbox, clock: list[float]
) -> None:
    assert ends() == (None, 1)
    [notice] = make(1, 2 * HOUR)
    assert ends() == (notice.opens_at, 1)
    with transaction.atomic():
        [sooner] = make(1)
        assert ends()[0] == sooner.opens_at
    assert ends() == (sooner.opens_at, 1)
    sooner.delete()
    assert ends() == (notice.opens_at, 1)


def test_what_is_known_of_many_sets_of_tags_is_bounded(
    outbox: Outbox, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instants, "MOST_KNOWN", 2)
    found = [ends(f"library.notice:{number}")[1] for number in (1, 2, 1, 2, 3, 3, 1)]
    assert found == [1, 1, 0, 0, 1, 0, 1]


@pytest.mark.django_db(transaction=True, databases=["default", "other"])
def test_the_first_instant_of_all_outboxes_ends_a_page(
    other_outbox: Outbox, clock: list[float], settings: Settings
) -> None:
    now = timezone.now()
    Notice(slug="a", opens_at=now + 2 * HOUR).save()
    Notice(slug="b", opens_at=now + HOUR).save(using="other")
    assert ends()[0] == now + HOUR
    settings.INVALIDATION = {**settings.INVALIDATION, "DATABASES": ["default"]}
    instants._known.clear()
    assert ends()[0] == now + 2 * HOUR


@pytest.mark.django_db(transaction=True, databases=["default", "other"])
class TestElsewhere:
    """Of rows in a database that isn't the first with an outbox."""

    def test_of_many_of_which_one_was_withdrawn_the_others_are_fired(self, other_outbox: Outbox) -> None:
        for number in range(3):
            Notice(pk=number + 1, slug=f"n{number}", opens_at=timezone.now() + HOUR).save(using="other")
        rows = list(ScheduledEvent.objects.using("other").order_by("id"))
        Notice.objects.using("other").get(pk=2).delete()
        other_outbox.forget()
        assert instants._fire(rows, "other") == 2
        assert len(other_outbox.events) == 2

    def test_what_was_known_is_forgotten_when_that_database_commits(
        self, other_outbox: Outbox, clock: list[float]
    ) -> None:
        with transaction.atomic(using="other"):
            notice = Notice(pk=1, slug="a", opens_at=timezone.now() + HOUR)
            notice.save(using="other")
            assert (ends()[1], ends()[1]) == (1, 0)
        assert ends() == (notice.opens_at, 1)

    def test_without_an_outbox_there_they_are_kept_in_the_first(self, outbox: Outbox, settings: Settings) -> None:
        settings.INVALIDATION = {**settings.INVALIDATION, "DATABASES": ["other"]}
        notice = make(1)[0]
        [kept] = ScheduledEvent.objects.using("other")
        assert (kept.owner, kept.database) == (f"library.notice:{notice.pk}", "default")

    def test_where_they_can_not_be_kept_in_the_first_the_write_stands_and_the_log_says_so(
        self, outbox: Outbox, caplog: pytest.LogCaptureFixture
    ) -> None:
        def refuse(execute: Any, sql: str, *rest: Any) -> Any:
            if "scheduledevent" in sql:
                raise OperationalError
            return execute(sql, *rest)

        with connection.execute_wrapper(refuse):
            Notice(pk=1, slug="a", opens_at=timezone.now() + HOUR).save(using="other")
        assert Notice.objects.using("other").exists()
        assert "Error calling _replace in on_commit()" in caplog.text

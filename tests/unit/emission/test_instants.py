"""Time is a change too (E12): instants are stored with the row's change, moved and withdrawn with it, fired once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

import invalidation
from invalidation.emission import instants
from invalidation.exceptions import InvalidTarget
from invalidation.models import ScheduledEvent
from invalidation.status import documents
from tests.fixtures.library.models import Genre, Notice
from tests.unit.emission.conftest import Outbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.databases]

HOUR = timedelta(hours=1)


def to_come() -> list[tuple[str, datetime]]:
    return list(ScheduledEvent.objects.order_by("due_at").values_list("owner", "due_at"))


def pass_time(by: timedelta = 2 * HOUR) -> None:
    """As if so much time had passed for what is scheduled."""
    for row in ScheduledEvent.objects.all():
        ScheduledEvent.objects.filter(pk=row.pk).update(due_at=row.due_at - by)


def verbs(work: Callable[[], object]) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        work()
    return [query["sql"].split()[0] for query in queries]


@pytest.fixture
def notice(outbox: Outbox) -> Notice:
    """Opens in an hour."""
    made = Notice.objects.create(slug="sale", opens_at=timezone.now() + HOUR)
    outbox.forget()
    return Notice.objects.get(pk=made.pk)


def owner(notice: Notice) -> str:
    return f"library.notice:{notice.pk}"


def test_the_instants_to_come_are_stored_and_those_of_the_past_are_not(outbox: Outbox) -> None:
    now = timezone.now()
    notice = Notice.objects.create(slug="sale", opens_at=now - HOUR, closes_at=now + HOUR)
    assert to_come() == [(owner(notice), now + HOUR)]


def test_they_are_moved_and_withdrawn_with_the_row(notice: Notice) -> None:
    later = timezone.now() + 3 * HOUR
    notice.opens_at = later
    notice.save()
    assert to_come() == [(owner(notice), later)]
    notice.opens_at = None
    notice.save(update_fields=["opens_at"])
    assert to_come() == []
    notice.closes_at = later
    notice.save()
    notice.delete()
    assert to_come() == []


def test_bulk_writes_move_and_withdraw_them_too(notice: Notice) -> None:
    later = timezone.now() + 3 * HOUR
    Notice.objects.update(opens_at=later)
    assert to_come() == [(owner(notice), later)]
    notice.opens_at = later + HOUR
    Notice.objects.bulk_update([notice], ["opens_at"])
    assert to_come() == [(owner(notice), later + HOUR)]
    (other,) = Notice.objects.bulk_create([Notice(slug="other", closes_at=later)])
    assert to_come() == [(owner(other), later), (owner(notice), later + HOUR)]
    Notice.objects.all().delete()
    assert to_come() == []


def test_a_rollback_takes_them_back(notice: Notice) -> None:
    before = to_come()
    with transaction.atomic():
        notice.opens_at = timezone.now() + 3 * HOUR
        notice.save()
        transaction.set_rollback(True)
    with transaction.atomic():
        Notice.objects.get().delete()
        transaction.set_rollback(True)
    assert to_come() == before


def test_a_save_that_moves_none_costs_no_statement_more(notice: Notice) -> None:
    notice.slug = "other"
    assert verbs(notice.save) == ["UPDATE"]  # nobody sees it yet
    assert verbs(Genre(slug="prose").save) == ["INSERT", "INSERT"]


def test_what_opens_is_purged_though_nobody_saw_it_before(notice: Notice, outbox: Outbox) -> None:
    assert instants.fire("default") == 0
    pass_time()
    assert instants.fire("default") == 1
    (event,) = outbox.events
    assert event.targets == {"tags": ["library.notice", owner(notice)], "urls": ["/notices/sale/"]}
    assert (event.source, event.status) == ("time", "pending")
    assert "changes at" in event.reason
    assert outbox.announced == outbox.stored
    assert instants.fire("default") == 0


def test_what_closes_is_purged_though_nobody_may_see_it_from_then_on(outbox: Outbox) -> None:
    now = timezone.now()
    notice = Notice.objects.create(slug="sale", opens_at=now - HOUR, closes_at=now + HOUR)
    Notice.objects.update(closes_at=now + HOUR)
    outbox.forget()
    pass_time()
    connection_update = "UPDATE library_notice SET closes_at = opens_at"
    with connection.cursor() as cursor:
        cursor.execute(connection_update)
    instants.fire("default")
    assert outbox.urls == {"/notices/sale/"}
    assert owner(notice) in outbox.tags


def test_a_row_that_vanished_unseen_is_purged_by_its_tags(notice: Notice, outbox: Outbox) -> None:
    pass_time()
    Notice.objects.all()._raw_delete("default")
    instants.fire("default")
    assert outbox.targets.document() == {"tags": ["library.notice", owner(notice)]}


def test_each_is_fired_once_whoever_else_fires(outbox: Outbox) -> None:
    Notice.objects.bulk_create([Notice(slug=f"n{number}", opens_at=timezone.now() + HOUR) for number in range(500)])
    outbox.forget()
    pass_time()
    fired: list[int] = []

    def firing() -> None:
        fired.append(instants.fire("default"))
        connections.close_all()

    threads = [threading.Thread(target=firing) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    instants.fire("default")
    reasons = [event.reason for event in outbox.events]
    assert len(reasons) == len(set(reasons)) == 500
    assert len(outbox.stored) == 500


def test_one_withdrawn_while_it_is_fired_stays_withdrawn(notice: Notice, outbox: Outbox) -> None:
    Notice.objects.create(slug="other", opens_at=timezone.now() + HOUR)
    outbox.forget()
    pass_time()
    rows = list(ScheduledEvent.objects.order_by("id"))
    ScheduledEvent.objects.filter(pk=rows[0].pk).delete()
    assert instants._fire(rows, "default") == 1
    assert outbox.urls == {"/notices/other/"}


def test_a_purge_may_be_asked_for_an_instant_to_come(outbox: Outbox) -> None:
    event = invalidation.invalidate(tags=["shop"], at=timezone.now() + HOUR, reason="prices")
    assert event is not None
    assert outbox.events == []
    assert documents.document(documents.find(event.uid))["status"] == "scheduled"
    pass_time()
    instants.fire("default")
    (fired,) = outbox.events
    assert (fired.uid, fired.targets, fired.reason, fired.source) == (event.uid, {"tags": ["shop"]}, "prices", "code")


def test_an_instant_that_has_passed_is_now_and_one_without_a_zone_is_refused(outbox: Outbox) -> None:
    invalidation.invalidate(tags=["shop"], at=timezone.now() - HOUR)
    assert outbox.tags == {"shop"}
    with pytest.raises(InvalidTarget, match="time zone"):
        invalidation.invalidate(tags=["shop"], at=datetime(2030, 1, 1))  # noqa: DTZ001


def test_a_rule_whose_instants_fail_loses_nothing_else(outbox: Outbox) -> None:
    class Failing(invalidation.Rules):
        def changes_at(self, genre: Genre) -> Any:
            raise ZeroDivisionError

    invalidation.register(Genre, rules=Failing)
    try:
        Genre.objects.create(slug="prose")
    finally:
        invalidation.register(Genre, rules=invalidation.Rules)
    assert outbox.urls == {"/genres/prose/"}


def test_due_instants_are_found_by_an_index(outbox: Outbox) -> None:
    now = timezone.now()
    Notice.objects.bulk_create([Notice(slug=f"n{n}", opens_at=now + HOUR + timedelta(seconds=n)) for n in range(2000)])
    due = ScheduledEvent.objects.filter(due_at__lte=now).order_by("due_at", "id")[:200]
    owned = ScheduledEvent.objects.filter(owner="library.notice:1", due_at__gt=now)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE invalidation_scheduledevent")
    for rows in (due, owned):
        assert "ndex" in rows.explain().replace("INDEX", "ndex")


def test_instants_are_in_order() -> None:
    now = timezone.now()
    rules = Notice(opens_at=now + HOUR, closes_at=now)
    from invalidation.emission import registry

    (one,) = registry.timed(Notice)
    assert all(first < second for first, second in pairwise(instants.instants(one, rules)))

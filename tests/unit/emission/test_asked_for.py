"""What `invalidate` stores of a request, at once or for an instant to come, and the words with which it refuses."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import SynchronousOnlyOperation
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

import invalidation
from invalidation import context
from invalidation.emission import api, instants, registry
from invalidation.exceptions import InvalidTarget
from invalidation.models import ScheduledEvent
from invalidation.targets.values import Targets
from tests.fixtures.library.models import Notice, Shelf
from tests.unit.emission.conftest import Outbox

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)
TIERS = {
    "values": {"PROVIDER": "invalidation.providers.memory.Memory"},
    "pages": {"PROVIDER": "invalidation.providers.memory.Memory"},
}


@pytest.fixture(autouse=True)
def _tiers(settings: Settings) -> None:
    settings.INVALIDATION = {**settings.INVALIDATION, "SITES": ["https://example.com"], "TIERS": TIERS}


def refusal(**asked: Any) -> str:
    with pytest.raises(InvalidTarget) as error:
        invalidation.invalidate(**asked)
    return str(error.value)


def test_a_request_is_stored_with_all_that_was_said(outbox: Outbox) -> None:
    event = invalidation.invalidate(
        tags=["t"], urls=["/u"], prefixes=["/p/"], keys=["k"], tiers=["values", "pages", "values"], lane="bulk",
        reason="why", source="command", actor="grace", mode="refresh",
    )  # fmt: skip
    assert event is not None
    [stored] = outbox.events
    assert stored.uid == event.uid
    assert stored.targets == {"tags": ["t"], "urls": ["/u"], "prefixes": ["/p/"], "keys": ["k"]}
    assert (stored.tiers, stored.lane, stored.mode) == ("pages,values", "bulk", "refresh")
    assert (stored.reason, stored.source, stored.actor) == ("why", "command", "grace")


def test_what_was_not_said_is_usual(outbox: Outbox) -> None:
    invalidation.invalidate(everything=True)
    [stored] = outbox.events
    assert stored.targets == {"everything": True}
    assert (stored.tiers, stored.lane, stored.mode) == ("", "editorial", "delete")
    assert (stored.reason, stored.source, stored.actor) == ("", "code", "")


@pytest.mark.django_db(transaction=True, databases=["default", "other"])
def test_a_request_goes_to_the_database_that_was_named(outbox: Outbox, other_outbox: Outbox) -> None:
    invalidation.invalidate(tags=["t"], using="other")
    assert (outbox.tags, other_outbox.tags) == (set(), {"t"})


def test_each_refusal_says_what_can_be_used(outbox: Outbox) -> None:
    assert refusal(tags=["t"], tiers=["pages", "b", "a"]) == (
        "Unknown tiers ['a', 'b']; configured are ['pages', 'values']."
    )
    known = "signal, trigger, time, code, command, admin, api, deployment, verify, recheck"
    assert refusal(tags=["t"], source="cron") == f"'cron' is not a source; use one of {known}."
    assert refusal(tags=["t"], lane="fast").startswith("'fast' is not a lane; use one of takedown,")
    assert refusal(urls=["https://else.example/"]).startswith("'https://else.example/' is on none of the configured")
    assert refusal(prefixes=["https://else.example/"]).startswith("'https://else.example/' is on none of the")
    assert refusal(tags=["t"], at=datetime(2030, 1, 1)) == (  # noqa: DTZ001 (on purpose)
        "at=datetime.datetime(2030, 1, 1, 0, 0) has no time zone: "
        "give an aware datetime, such as timezone.now() + timedelta(…)."
    )
    assert outbox.events == []


def test_whoever_asked_for_something_is_told_where_there_is_nothing() -> None:
    words = r"^Nothing to invalidate: give tags, urls, prefixes, keys, or everything=True\.$"
    with pytest.raises(InvalidTarget, match=words):
        api.stored(None)
    with pytest.raises(InvalidTarget, match=words):
        api.check(Targets())
    api.check(Targets.of(tags=["t"]), ["pages"])
    event = invalidation.invalidate(tags=["t"])
    assert api.stored(event) is event


def test_a_naive_instant_is_taken_where_a_site_has_no_time_zones(settings: Settings, outbox: Outbox) -> None:
    settings.USE_TZ = False
    assert api._aware(datetime(2030, 1, 1)) == datetime(2030, 1, 1)  # noqa: DTZ001 (on purpose)


def test_a_coroutine_is_told_of_the_form_to_await(monkeypatch: pytest.MonkeyPatch) -> None:
    async def asking() -> str:
        with pytest.raises(SynchronousOnlyOperation) as error:
            invalidation.invalidate()
        return str(error.value)

    assert asyncio.run(asking()) == (
        "invalidate() waits for the database: await invalidation.ainvalidate(…) here."
    )  # fmt: skip
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

    async def unsafe() -> object:
        return invalidation.invalidate()

    assert asyncio.run(unsafe()) is None


@pytest.mark.databases
def test_a_request_for_an_instant_to_come_is_kept_with_all_that_was_said(outbox: Outbox) -> None:
    due_at = timezone.now() + HOUR
    with context.following("c-1"):
        event = invalidation.invalidate(
            tags=["t"], at=due_at, tiers=["pages"], lane="bulk", mode="refresh", reason="x\0" * 200, actor="grace"
        )
    assert event is not None
    [kept] = ScheduledEvent.objects.all()
    for one in (kept, event):
        assert (one.uid, one.targets, one.tiers) == (kept.uid, {"tags": ["t"]}, "pages")
        assert (one.lane, one.mode, one.actor, one.source) == ("bulk", "refresh", "grace", "code")
        assert (one.reason, one.correlation_id) == (("x?" * 200)[:255], "c-1")
    assert (kept.due_at, event.created_at) == (due_at, kept.created_at)
    assert event._state.adding
    assert outbox.events == []


@pytest.mark.databases
def test_a_database_without_an_outbox_keeps_its_instants_in_the_first(outbox: Outbox) -> None:
    invalidation.invalidate(tags=["t"], at=timezone.now() + HOUR, using="other")
    assert ScheduledEvent.objects.using("default").count() == 1


@pytest.mark.databases
@pytest.mark.django_db(transaction=True, databases=["default", "other"])
def test_a_database_with_an_outbox_keeps_its_own_instants(other_outbox: Outbox) -> None:
    invalidation.invalidate(tags=["t"], at=timezone.now() + HOUR, using="other")
    assert [ScheduledEvent.objects.using(alias).count() for alias in ("default", "other")] == [0, 1]


def test_an_instant_of_a_row_is_kept_with_who_and_why(outbox: Outbox) -> None:
    due_at = timezone.now() + HOUR
    with context.following("c-2"):
        notice = Notice.objects.create(slug="sale", opens_at=due_at)
    [kept] = ScheduledEvent.objects.all()
    owner = f"library.notice:{notice.pk}"
    assert (kept.model, kept.owner, kept.key, kept.database) == ("library.notice", owner, str(notice.pk), "")
    assert (kept.due_at, kept.source, kept.actor, kept.correlation_id) == (due_at, "time", "", "c-2")
    assert kept.reason == f"{owner} changes at {due_at.isoformat()}"
    assert (kept.lane, kept.mode, kept.targets) == ("editorial", "delete", {})


@pytest.mark.databases
@pytest.mark.django_db(transaction=True, databases=["default", "other"])
def test_instants_of_a_database_without_an_outbox_follow_its_commits_in_the_first(outbox: Outbox) -> None:
    due_at = timezone.now() + HOUR

    def kept() -> list[tuple[str, str, str]]:
        return list(ScheduledEvent.objects.order_by("id").values_list("owner", "key", "database"))

    with transaction.atomic(using="other"):
        Notice(pk=1, slug="lost", opens_at=due_at).save(using="other")
        transaction.set_rollback(True, using="other")
    assert kept() == []
    with transaction.atomic(using="other"):
        notice = Notice(pk=901, slug="there", opens_at=due_at)
        notice.save(using="other")
        assert kept() == []
    assert kept() == [("library.notice:901", "901", "other")]
    outbox.forget()
    ScheduledEvent.objects.update(due_at=timezone.now() - HOUR)
    assert instants.fire("default") == 1
    assert outbox.targets == Targets.of(tags=["library.notice", "library.notice:901"], urls=["/notices/there/"])
    notice.opens_at = due_at + HOUR
    notice.save(using="other")
    assert len(kept()) == 1
    notice.delete(using="other")
    assert kept() == []


@pytest.mark.databases
@pytest.mark.django_db(transaction=True, databases=["default", "other"])
def test_instants_of_a_database_with_an_outbox_stay_there(outbox: Outbox, other_outbox: Outbox) -> None:
    notice = Notice(pk=902, slug="there", opens_at=timezone.now() + HOUR)
    notice.save(using="other")
    there = ScheduledEvent.objects.using("other")
    assert [(row.owner, row.database) for row in there] == [("library.notice:902", "")]
    assert not ScheduledEvent.objects.using("default").exists()
    other_outbox.forget()
    there.update(due_at=timezone.now() - HOUR)
    assert (instants.fire("default"), instants.fire("other"), there.count()) == (0, 1, 0)
    assert other_outbox.targets.urls == {"/notices/there/"}
    assert outbox.events == []


def test_an_instant_is_a_datetime_or_a_day_and_nothing_else_counts() -> None:
    class Named(invalidation.Rules):
        def changes_at(self, shelf: Any) -> list[Any]:
            return [
                datetime(2030, 1, 2, tzinfo=UTC), None, "2030", datetime(2030, 1, 2, tzinfo=UTC),
                datetime(2030, 1, 1, 12).date(), datetime(2029, 1, 1),  # noqa: DTZ001 (naive on purpose)
            ]  # fmt: skip

    found = instants.instants(Named(Shelf), Shelf(pk=1))
    zone = timezone.get_current_timezone()
    assert found == (
        datetime(2029, 1, 1, tzinfo=zone), datetime(2030, 1, 1, tzinfo=zone), datetime(2030, 1, 2, tzinfo=UTC),
    )  # fmt: skip


def test_what_was_asked_for_and_what_a_row_named_may_be_due_together(outbox: Outbox) -> None:
    due_at = timezone.now() + HOUR
    invalidation.invalidate(tags=["shop"], at=due_at)
    notices = [Notice.objects.create(slug=slug, opens_at=due_at) for slug in ("a", "b")]
    Notice.objects.all()._raw_delete("default")
    outbox.forget()
    ScheduledEvent.objects.update(due_at=timezone.now() - HOUR)
    assert instants.fire("default") == 3
    assert outbox.tags == {"shop", "library.notice", *(f"library.notice:{notice.pk}" for notice in notices)}
    assert instants.fire("default") == 0


def test_only_tags_of_models_with_instants_end_a_page() -> None:
    tags = ["library.notice", "library.notice:7", "library.notice.shelf_id:3", "library.book:7", "front", "library"]
    assert instants.timed(tags) == {"library.notice", "library.notice:7"}
    assert instants.timed(["library.notice.shelf_id:3"]) == {"library.notice"}
    assert instants.timed(["library.notice:7:8"]) == {"library.notice:7:8"}
    assert registry.timed_models() >= {"library.notice"}


@pytest.mark.databases
def test_a_page_ends_with_the_first_instant_of_what_it_shows(outbox: Outbox) -> None:
    now = timezone.now()
    first = Notice.objects.create(slug="a", opens_at=now + HOUR, closes_at=now + 3 * HOUR)
    other = Notice.objects.create(slug="b", opens_at=now + 2 * HOUR)

    def ends(*tags: str, after: datetime = now, until: datetime = now + 9 * HOUR) -> datetime | None:
        return instants.next_instant(frozenset(tags), after, until)

    own, others = f"library.notice:{first.pk}", f"library.notice:{other.pk}"
    assert ends("library.notice") == now + HOUR
    assert ends(others) == now + 2 * HOUR
    assert ends(own, others) == now + HOUR
    assert ends(own, until=now + HOUR) is None
    assert ends(own, until=now + HOUR + timedelta(seconds=1)) == now + HOUR
    assert ends(own, after=now + HOUR) == now + 3 * HOUR
    assert ends(own, after=now + 3 * HOUR) is None
    assert ends("library.book:1") is None

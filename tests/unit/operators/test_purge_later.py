"""`manage.py purge --at`, `--scheduled` and `--withdraw`: what is asked for later is stored, listed, and taken back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError
from django.utils import timezone

import invalidation
from invalidation.emission import instants
from invalidation.models import Event, ScheduledEvent
from invalidation.status import documents, scheduled
from tests.unit.operators.test_purge_command import purge

pytestmark = pytest.mark.django_db


def later(**ahead: float) -> datetime:
    """An instant to come."""
    return timezone.now() + timedelta(**ahead)


@pytest.mark.parametrize(
    ("at", "ahead"),
    [
        ("+90s", timedelta(seconds=90)),
        ("+30m", timedelta(minutes=30)),
        ("+2h", timedelta(hours=2)),
        ("+3d", timedelta(days=3)),
    ],
)
def test_so_long_from_now_is_an_instant(at: str, ahead: timedelta) -> None:
    before = timezone.now()
    purge("--tag", "a", "--at", at)
    assert before + ahead <= ScheduledEvent.objects.get().due_at <= timezone.now() + ahead


def test_an_instant_is_read_in_its_own_time_zone_and_all_that_was_asked_for_is_kept() -> None:
    year = timezone.now().year + 1
    purge(*("--tag", "a", "--at", f"{year}-12-24T08:00+01:00", "--reason", "embargo", "--mode", "refresh"))
    stored = ScheduledEvent.objects.get()
    assert stored.due_at == datetime(year, 12, 24, 7, tzinfo=UTC)
    assert (stored.source, stored.reason, stored.mode, stored.targets) == (
        *("command", "embargo", "refresh"),
        {"tags": ["a"]},
    )
    assert stored.actor
    assert not Event.objects.exists()


def test_an_instant_that_has_passed_is_now() -> None:
    assert "pending" in purge("--tag", "a", "--at", "2020-01-01T00:00Z")
    assert Event.objects.exists()


def test_the_command_says_that_it_waits_until_when_and_how_to_take_it_back() -> None:
    printed = purge("--tag", "a", "--at", "+2h")
    stored = ScheduledEvent.objects.get()
    for words in ("scheduled", stored.due_at.isoformat(), f"manage.py purge --withdraw {str(stored.uid)[:8]}"):
        assert words in printed
    assert all(len(line) <= 80 for line in printed.splitlines())
    assert "No deliveries" not in printed


def test_its_json_is_the_status_document() -> None:
    printed = json.loads(purge("--tag", "a", "--at", "+2h", "--format", "json"))
    assert printed == documents.document(documents.find(ScheduledEvent.objects.get().uid))
    assert printed["status"] == "scheduled"


def test_a_dry_run_stores_nothing_for_later_either() -> None:
    assert "Plan (dry run" in purge("--tag", "a", "--at", "+2h", "--dry-run")
    assert not ScheduledEvent.objects.exists()


def test_what_is_wide_is_confirmed_when_it_is_asked_for() -> None:
    with pytest.raises(CommandError, match="--confirm-wide"):
        purge("--everything", "--at", "+2h")
    purge("--everything", "--at", "+2h", "--confirm-wide")
    assert ScheduledEvent.objects.exists()


def test_those_that_are_scheduled_are_listed_the_next_first_without_what_rows_do_by_themselves() -> None:
    assert purge("--scheduled") == "Nothing is scheduled.\n"
    assert json.loads(purge("--scheduled", "--format", "json")) == []
    second = invalidation.invalidate(tags=["b"], at=later(hours=3), reason="embargo", actor="ada")
    first = invalidation.invalidate(urls=["/a/"], at=later(hours=1), actor="grace")
    ScheduledEvent.objects.create(due_at=later(hours=2), model="blog.post", owner="blog.post:1", source="time")
    assert first
    assert second
    printed = purge("--scheduled")
    assert printed.index(str(first.uid)[:8]) < printed.index(str(second.uid)[:8])
    for words in ("code, grace", "code, ada", "urls: /a/", "tags: b (embargo)"):
        assert words in printed
    assert "blog.post:1" not in printed
    assert all(len(line) <= 80 for line in printed.splitlines())
    listed = json.loads(purge("--scheduled", "--format", "json"))
    assert listed == [documents.document(documents.find(event.uid)) for event in (first, second)]


def test_no_more_than_asked_for_are_read() -> None:
    for number in range(4):
        invalidation.invalidate(tags=[f"t:{number}"], at=later(hours=4 - number))
    assert [event.targets for event in scheduled.soonest(2)] == [{"tags": ["t:3"]}, {"tags": ["t:2"]}]


@pytest.mark.parametrize("characters", [8, 36])
def test_one_is_withdrawn_by_its_id_as_lists_show_it(characters: int) -> None:
    for tag in ("a", "b"):
        purge("--tag", tag, "--at", "+2h")
    stored = ScheduledEvent.objects.earliest("id")
    assert "Withdrawn: nothing of it is purged." in purge("--withdraw", str(stored.uid)[:characters])
    assert [row.targets for row in ScheduledEvent.objects.all()] == [{"tags": ["b"]}]
    with pytest.raises(CommandError, match="No event has the id") as error:
        purge("--withdraw", str(stored.uid))
    assert error.value.returncode == 2


def test_the_json_of_a_withdrawal_is_the_document_as_it_was() -> None:
    was = json.loads(purge("--tag", "a", "--at", "+2h", "--format", "json"))
    assert json.loads(purge("--withdraw", was["id"], "--format", "json")) == {**was, "status": "withdrawn"}


def refused(uid: Any) -> str:
    """What the command says, which exits with 1."""
    with pytest.raises(CommandError) as error:
        purge("--withdraw", str(uid))
    assert error.value.returncode == 1
    return str(error.value)


def test_once_its_time_has_come_it_is_too_late() -> None:
    purge("--tag", "a", "--at", "+2h")
    uid = ScheduledEvent.objects.get().uid
    ScheduledEvent.objects.update(due_at=timezone.now())
    assert "Its time came at" in refused(uid)
    instants.fire("default")
    assert "it is pending" in refused(uid)
    assert Event.objects.get().uid == uid


def test_what_a_row_does_by_itself_is_left_to_the_row() -> None:
    row = ScheduledEvent.objects.create(due_at=later(hours=2), model="blog.post", owner="blog.post:1", source="time")
    assert "blog.post:1 changes at that instant by itself" in refused(row.uid)
    assert ScheduledEvent.objects.exists()

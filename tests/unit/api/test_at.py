"""A purge for an instant to come: stored for then, followed under one id, fired once, refused where it is none."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from invalidation.emission import instants
from invalidation.models import Event, ScheduledEvent
from tests.unit.api.conftest import As, fields, problem


def later(**ahead: float) -> datetime:
    """An instant to come."""
    return timezone.now() + timedelta(**ahead)


def test_it_is_stored_for_then_and_followed_under_the_same_id(caller: As) -> None:
    asker, at = caller("deploy"), later(hours=2)
    answered = asker.post({"tags": ["a"], "at": at.isoformat(), "reason": "embargo"})
    assert answered.status_code == 202
    assert (answered.json()["status"], answered.json()["due_at"]) == ("scheduled", at.isoformat())
    assert answered.headers["Location"] == f"purges/{answered.json()['id']}"
    assert not Event.objects.exists()
    stored = ScheduledEvent.objects.get()
    assert (stored.due_at, stored.actor, stored.source, stored.reason) == (at, "deploy", "api", "embargo")
    assert asker.get(answered.headers["Location"]).json() == answered.json()
    problem(caller("other").get(answered.headers["Location"]), 404)


def test_when_its_time_has_come_it_is_an_event_of_the_same_id(caller: As) -> None:
    asker = caller()
    place = asker.post({"tags": ["a"], "at": later(hours=2).isoformat()}).headers["Location"]
    ScheduledEvent.objects.update(due_at=timezone.now())
    assert instants.fire("default") == 1
    shown = asker.get(place).json()
    assert (shown["status"], shown["due_at"], f"purges/{shown['id']}") == ("pending", None, place)


@pytest.mark.parametrize(
    "at", ["0001-01-01T00:00:00+14:00", "2020-02-29T12:00:00.123456789-05:00", "2020-01-01t00:00:00z"]
)
def test_an_instant_that_has_passed_is_now(caller: As, at: str) -> None:
    assert caller().post({"tags": ["a"], "at": at}).json()["status"] == "pending"
    assert not ScheduledEvent.objects.exists()


@pytest.mark.parametrize(
    "at",
    [
        *("tomorrow", "", 0, 4102444800, "4102444800", True, [], "2030-01-01", "2030-01-01T00:00:00"),
        *("2030-02-30T00:00:00Z", "0000-01-01T00:00:00Z", "2030-01-01T00:00:00+25:00", "2030-01-01T00:00:00Z\n"),
        *("9999-12-31T23:59:59-14:00", "2100-01-01T00:00:00Z", "٢٠٣٠-01-01T00:00:00Z"),
    ],
)
def test_what_is_no_instant_within_ten_years_is_refused(caller: As, at: Any) -> None:
    assert fields(caller().post({"tags": ["a"], "at": at}), 422) == ["at"]
    assert not ScheduledEvent.objects.exists()
    assert not Event.objects.exists()


def test_what_is_wide_must_be_confirmed_when_it_is_asked_for(caller: As) -> None:
    asker = caller(scopes=["purge", "purge_everything"])
    asked = {"everything": True, "at": later(hours=1).isoformat()}
    assert fields(asker.post(asked), 409) == ["confirm_wide"]
    assert asker.post({**asked, "confirm_wide": True}).status_code == 202


def test_under_one_idempotency_key_it_is_stored_once(caller: As) -> None:
    asker, asked = caller(), {"tags": ["a"], "at": later(hours=1).isoformat()}
    first, second = (asker.post(asked, Idempotency_Key="k") for _ in range(2))
    assert first.json() == second.json()
    assert ScheduledEvent.objects.count() == 1
    assert fields(asker.post({"tags": ["a"]}, Idempotency_Key="k"), 422) == ["Idempotency-Key"]

"""Who may take a delivery, what is left of its attempts, and what its end stores: of rows that nobody stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from invalidation.models import Delivery
from invalidation.pipeline.delivery import lease
from invalidation.pipeline.outcome import Budget, Outcome
from invalidation.rows.states import Action
from tests.unit.pipeline.conftest import declared

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOON)


def due(status: str, **values: Any) -> bool:
    return lease.due(Delivery(status=status, **values), NOON, 30)


def test_one_that_nobody_has_attempted_is_due_at_once() -> None:
    assert due("pending", available_at=NOON + SECOND)


def test_one_that_is_held_is_due_when_the_lease_has_run_out() -> None:
    assert due("running", started_at=NOON - 31 * SECOND, available_at=NOON + SECOND)
    assert not due("running", started_at=NOON - 30 * SECOND, available_at=NOON - SECOND)
    assert due("running", started_at=None)


@pytest.mark.parametrize("status", ["failed", "deferred", "accepted"])
def test_one_that_waits_is_due_when_the_wait_is_over(status: str) -> None:
    assert due(status, available_at=NOON)
    assert not due(status, available_at=NOON + SECOND)


@pytest.mark.parametrize("status", ["purged", "dead", "rejected"])
def test_one_that_has_ended_is_due_for_nobody(status: str) -> None:
    assert not due(status, available_at=NOON - SECOND)


def test_what_is_left_is_counted_from_the_first_attempt(settings: Settings) -> None:
    settings.INVALIDATION = declared(MAX_ATTEMPTS=5, GIVE_UP_SECONDS=100)
    assert lease.budget(Delivery(attempts=2, attempted_at=NOON - 40 * SECOND)) == Budget(2, 5, 60)
    assert lease.budget(Delivery(attempts=1)) == Budget(1, 5, 100)


STARTED = {
    "started_at": NOON - SECOND,
    "attempts": 2,
    "steps": [["purge_everything"]],
    "calls": 1,
    "removed": 3,
    "reply": "before",
    "external_id": "job-1",
}


def test_a_proof_stores_what_was_done_and_that_it_is_over() -> None:
    ended = lease.ended(Delivery(**STARTED), Outcome(Action.PROVE), 4.5)
    assert ended == {
        "status": "purged",
        "started_at": NOON - SECOND,
        "attempted_at": NOON,
        "available_at": NOON,
        "completed_at": NOON,
        "swept_at": None,
        "attempts": 2,
        "steps": [["purge_everything"]],
        "decisions": [],
        "calls": 1,
        "milliseconds": 4.5,
        "removed": 3,
        "external_id": "job-1",
        "reply": "",
        "error": "",
    }


def test_a_failure_stores_what_was_said_and_when_it_goes_on() -> None:
    outcome = Outcome(Action.FAIL, reply="503", error="Down.", wait_seconds=7, external_id="job-2")
    row = Delivery(**STARTED, attempted_at=NOON - 2 * SECOND, decisions=["widened"])
    ended = lease.ended(row, outcome, 4.5)
    assert (ended["status"], ended["completed_at"], ended["attempts"]) == ("failed", None, 2)
    assert (ended["attempted_at"], ended["available_at"]) == (NOON - 2 * SECOND, NOON + 7 * SECOND)
    assert (ended["reply"], ended["error"], ended["external_id"]) == ("503", "Down.", "job-2")
    assert ended["decisions"] == ["widened"]


def test_being_put_off_is_no_attempt_and_leaves_what_was_said_last() -> None:
    ended = lease.ended(Delivery(**STARTED), Outcome(Action.DEFER, consumes_attempt=False), 4.5)
    assert (ended["status"], ended["attempts"], ended["reply"]) == ("deferred", 1, "before")

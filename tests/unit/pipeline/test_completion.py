"""When a batch is over, which purges came too early, and when it is purged once more: of rows that nobody stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from invalidation.models import Batch, BatchStatus, Delivery
from invalidation.pipeline import completion, rebound_schedule
from invalidation.providers.base import Rate
from tests.unit.pipeline.chain import EDGE, LEFT, RIGHT, Chain
from tests.unit.pipeline.conftest import PROVIDER, declared

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TRANSFER_SECONDS = 0.05
INNER, OUTER = ("inner", LEFT), ("edge", EDGE)
VENDOR = "tests.unit.pipeline.chain.Vendor"


def tiers(**edge: Any) -> dict[str, Any]:
    """An application's values, two nodes that fill from the application, and an edge."""
    return {
        "application": {"PROVIDER": "tests.unit.pipeline.chain.Free"},
        "inner": {"PROVIDER": PROVIDER, "FILLS_FROM": ["application"], "NODES": [LEFT, RIGHT]},
        "edge": {"PROVIDER": PROVIDER, "FILLS_FROM": ["inner"], "NODES": [EDGE], **edge},
    }


@pytest.fixture(autouse=True)
def _transfers(settings: Settings) -> None:
    settings.INVALIDATION = declared(TIERS=tiers(), TRANSFER_SECONDS=TRANSFER_SECONDS, LONGEST_RENDER_SECONDS=10)


def after_noon(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def purged(tier: str, node: str, started: float, completed: float, **values: Any) -> Delivery:
    """Seconds after noon."""
    at, ended = after_noon(started), after_noon(completed)
    fields = {"status": "purged", "started_at": at, "attempted_at": ended, "completed_at": ended, **values}
    return Delivery(tier=tier, node=node, **fields)


def test_a_batch_is_over_when_each_cache_was_purged_late_enough() -> None:
    values = purged("application", "", 0, 1)
    late, early = purged(*INNER, 1.05, 2), purged(*INNER, 1.04, 2)
    assert completion.status([values, late]) == BatchStatus.DONE
    assert completion.status([values, early]) == BatchStatus.RUNNING
    assert completion.status([values, Delivery(tier="edge", node=EDGE, status="pending")]) == BatchStatus.RUNNING
    dead = Delivery(tier="inner", node=RIGHT, status="dead")
    assert completion.status([values, late, dead]) == BatchStatus.DEAD
    assert completion.status([values, early, dead]) == BatchStatus.RUNNING


def test_on_a_slow_machine_an_answer_is_given_more_time() -> None:
    quick, slow, hanging = Delivery(milliseconds=1.0), Delivery(milliseconds=80.0), Delivery(milliseconds=9_000.0)
    assert completion.transfer_seconds([]) == completion.transfer_seconds([Delivery()]) == TRANSFER_SECONDS
    assert completion.transfer_seconds([quick]) == TRANSFER_SECONDS
    assert completion.transfer_seconds([quick, slow]) == 0.8
    assert completion.transfer_seconds([hanging]) == completion.LONGEST_SECONDS


def test_what_no_purge_has_told_takes_no_longer_than_is_declared(settings: Settings) -> None:
    settings.INVALIDATION = declared(TIERS=tiers(), TRANSFER_SECONDS=0.001)
    assert completion.transfer_seconds([]) == completion.transfer_seconds([Delivery()]) == 0.001


def test_where_nobody_wants_to_know_what_is_on_its_way_nothing_is_early(settings: Settings) -> None:
    settings.INVALIDATION = declared(TIERS=tiers(), TRANSFER_SECONDS=0)
    assert completion.transfer_seconds([Delivery(milliseconds=80.0)]) == 0
    assert completion.early([purged("application", "", 0, 1), purged(*INNER, 0, 1)]) == []


def test_pages_are_held_by_tiers_that_are_declared_and_hold_responses() -> None:
    assert completion.holds_responses("inner")
    assert not completion.holds_responses("application")
    assert not completion.holds_responses("gone")


def test_a_purge_counts_once_what_left_the_last_cache_inside_has_arrived() -> None:
    rows = [
        purged("application", "", 0, 1),
        purged("inner", LEFT, 1, 2, milliseconds=20.0),
        purged("inner", RIGHT, 1, 3),
        purged("inner", RIGHT, 1, 9, status="failed"),
        purged("edge", EDGE, 4, 5, milliseconds=100.0),
    ]
    assert completion.counts_from(rows, "edge") == after_noon(3.2)
    assert completion.counts_from(rows, "inner") == after_noon(1.05)


def test_with_nothing_purged_inside_a_purge_counts_from_its_tiers_first_attempt() -> None:
    rows = [purged("inner", LEFT, 1, 3, milliseconds=20.0), purged("inner", RIGHT, 1, 2), purged("edge", EDGE, 0, 1)]
    assert completion.counts_from(rows, "inner") == after_noon(2.2)
    assert completion.counts_from([Delivery(tier="inner", node=LEFT)], "inner") is None
    assert completion.counts_from([], "inner") is None


def test_a_purge_is_early_until_what_was_purged_inside_has_arrived() -> None:
    rows = [purged("application", "", 0, 1), purged(*INNER, 1.04, 1.06), purged(*OUTER, 9, 9)]
    assert completion.early(rows) == [INNER, OUTER], "who is outside goes along"
    rows.append(purged(*INNER, 1.05, 1.06, delivery_pass="repeat"))
    assert completion.early(rows) == []


def test_the_last_purge_of_a_node_tells_whichever_row_comes_first() -> None:
    again, first = purged(*INNER, 1.05, 1.06), purged(*INNER, 1, 1)
    assert completion.early([purged("application", "", 0, 1), again, first]) == []


def test_each_node_is_early_or_not_by_itself() -> None:
    rows = [purged("application", "", 0, 1), purged("inner", LEFT, 2, 3), purged("inner", RIGHT, 1, 3)]
    assert completion.early(rows) == [("inner", RIGHT)]


def test_a_purge_that_is_still_to_come_and_a_dead_letter_are_not_early() -> None:
    for status in ("pending", "failed", "running", "dead", "rejected"):
        rows = [purged("application", "", 0, 1), purged(*INNER, 1, 1)]
        rows.append(Delivery(tier="inner", node=LEFT, delivery_pass="repeat", status=status))
        assert completion.early(rows) == []


def test_values_are_never_early_nor_is_a_vendor_whose_calls_count(settings: Settings) -> None:
    settings.INVALIDATION = declared(TIERS=tiers(PROVIDER=VENDOR), TRANSFER_SECONDS=TRANSFER_SECONDS)
    assert completion.early([purged(*INNER, 0, 1)]) == [INNER]
    assert completion.early([purged("application", "", 0, 1)]) == []
    assert completion.early([purged(*INNER, 0, 1), purged(*OUTER, 0, 1)]) == [INNER]


def test_calls_count_where_they_cost_money_or_come_out_of_a_quota(settings: Settings) -> None:
    assert not completion.is_metered(*INNER)
    assert not completion.is_metered("gone", LEFT)
    Chain.quotas = (Rate("calls", 1, 1),)
    assert completion.is_metered(*INNER)
    Chain.quotas = ()
    settings.INVALIDATION = declared(TIERS=tiers(PROVIDER=VENDOR))
    assert completion.is_metered(*OUTER)


def test_a_vendor_waits_for_what_is_to_come_inside_it_and_for_what_is_made_again() -> None:
    values, waiting = purged("application", "", 0, 1), Delivery(tier="edge", node=EDGE)
    assert not completion.held_back([values, purged(*INNER, 2, 3), waiting], "edge")
    assert completion.held_back([values, Delivery(tier="inner", node=LEFT), waiting], "edge")
    assert completion.held_back([values, purged(*INNER, 1, 3), waiting], "edge")
    assert not completion.held_back([values, waiting], "inner")


def test_a_rebound_is_due_when_the_longest_render_of_its_tiers_is_over(settings: Settings) -> None:
    ten = timedelta(seconds=10)
    assert rebound_schedule.delay(["inner", "edge"]) == ten
    assert rebound_schedule.delay([]) == timedelta(0)
    assert rebound_schedule.of_settled(NOON, ["edge"]) == {"rebound_at": NOON + ten, "rebounded_at": None}
    assert rebound_schedule.of_running(NOON, ["edge"]) == NOON + 2 * ten
    settings.INVALIDATION = declared(TIERS=tiers(REBOUND_SECONDS=0), LONGEST_RENDER_SECONDS=10)
    assert rebound_schedule.of_settled(NOON, ["edge"]) == {}
    assert rebound_schedule.of_running(NOON, ["edge"]) is None
    assert rebound_schedule.delay(["inner", "edge"]) == ten


@pytest.mark.django_db(databases=["default", "other"])
@pytest.mark.parametrize("using", ["default", "other"])
def test_a_node_that_ends_late_has_one_more_rebound_after_all_that_fills_from_it(
    using: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOON)
    settings.INVALIDATION = declared(TIERS=tiers(REBOUND_SECONDS=30), LONGEST_RENDER_SECONDS=10)
    batch = Batch.objects.using(using).create(rebound_at=NOON, rebounded_at=NOON)
    late = Delivery.objects.using(using).create(batch=batch, tier="inner", node=LEFT)
    rebound_schedule.again(late)
    batch.refresh_from_db()
    assert (batch.rebound_at, batch.rebounded_at) == (after_noon(60), None)
    settings.INVALIDATION = declared(TIERS=tiers(REBOUND_SECONDS=0), LONGEST_RENDER_SECONDS=0)
    batch.rebounded_at = NOON
    batch.save()
    rebound_schedule.again(late)
    batch.refresh_from_db()
    assert batch.rebounded_at == NOON

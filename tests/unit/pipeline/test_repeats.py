"""Which purges are made once more, because a cache further in was purged later than they were."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import Settings

from invalidation.models import Batch, Delivery
from invalidation.pipeline import repeat
from tests.unit.pipeline.chain import APPLICATION, EDGE, LEFT, RIGHT
from tests.unit.pipeline.conftest import declared
from tests.unit.pipeline.test_completion import VENDOR, tiers

pytestmark = pytest.mark.django_db

PLACES = {APPLICATION: "application", LEFT: "inner", RIGHT: "inner", EDGE: "edge"}


@pytest.fixture(autouse=True)
def _transfers(settings: Settings) -> None:
    settings.INVALIDATION = declared(TIERS=tiers(), TRANSFER_SECONDS=0.05)


@pytest.fixture
def purged() -> dict[str, Delivery]:
    """By node: all were purged, and so were those of another batch and of another pass."""
    batch, other = Batch.objects.create(), Batch.objects.create()
    for values in ({"batch": other}, {"batch": batch, "delivery_pass": "rebound"}):
        Delivery.objects.create(tier="edge", node="http://elsewhere", status="purged", calls=1, **values)
    return {
        node: Delivery.objects.create(batch=batch, tier=tier, node=node, status="purged", calls=1)
        for node, tier in PLACES.items()
    }


def again(delivery: Delivery, **values: Any) -> set[str]:
    """Nodes that are purged once more; each repeat is stored and waits."""
    made = repeat.outside(delivery, **values)
    stored = Delivery.objects.filter(batch=delivery.batch, delivery_pass="repeat", status="pending")
    assert {row.pk for row in made} == {row.pk for row in stored}
    return {row.node for row in made}


def test_all_that_fills_from_a_cache_that_was_purged_late_is_purged_once_more(purged: dict[str, Delivery]) -> None:
    assert again(purged[APPLICATION]) == {LEFT, RIGHT, EDGE}


def test_what_lies_further_in_or_beside_it_is_not(purged: dict[str, Delivery]) -> None:
    assert again(purged[LEFT]) == {EDGE}


def test_nothing_fills_from_the_outermost_cache(purged: dict[str, Delivery]) -> None:
    assert again(purged[EDGE]) == set()


def test_a_purge_that_was_resumed_is_made_once_more_itself(purged: dict[str, Delivery]) -> None:
    assert again(purged[EDGE], resumed=True) == {EDGE}
    Delivery.objects.filter(delivery_pass="repeat").delete()
    assert again(purged[LEFT], resumed=True) >= {LEFT, EDGE}


def test_a_repeat_that_was_resumed_is_not_repeated_itself(purged: dict[str, Delivery]) -> None:
    row = purged[LEFT]
    Delivery.objects.filter(batch=row.batch).exclude(delivery_pass="rebound").update(delivery_pass="repeat")
    row.delivery_pass = "repeat"
    made = repeat.outside(row, resumed=True)
    assert {one.node for one in made} == {EDGE}


def test_values_arrive_at_once_and_are_not_made_once_more(purged: dict[str, Delivery]) -> None:
    assert again(purged[APPLICATION], resumed=True) == {LEFT, RIGHT, EDGE}


def test_where_nobody_wants_to_know_what_is_on_its_way_no_purge_is_made_once_more_for_itself(
    purged: dict[str, Delivery], settings: Settings
) -> None:
    settings.INVALIDATION = declared(TIERS=tiers(), TRANSFER_SECONDS=0)
    assert again(purged[EDGE], resumed=True) == set()


def test_a_vendor_whose_calls_count_is_not_told_twice(purged: dict[str, Delivery], settings: Settings) -> None:
    settings.INVALIDATION = declared(TIERS=tiers(PROVIDER=VENDOR), TRANSFER_SECONDS=0.05)
    assert again(purged[EDGE], resumed=True) == set()

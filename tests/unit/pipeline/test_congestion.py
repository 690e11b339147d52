"""Back pressure: what happens to events while deliveries pile up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db.models import F

import invalidation
from invalidation.models import Delivery, Event
from invalidation.pipeline.intake import backpressure, drain
from tests.unit.pipeline.chain import Queue

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def counted_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(backpressure, "CONGESTED_DELIVERIES", 2)
    monkeypatch.setattr(backpressure, "COUNT_SECONDS", 0.0)
    backpressure.congestion.counted.clear()
    yield
    backpressure.congestion.counted.clear()


def pass_seconds(seconds: int) -> None:
    pause = timedelta(seconds=seconds)
    Delivery.objects.update(available_at=F("available_at") - pause)
    Event.objects.update(created_at=F("created_at") - pause)


def pile_up() -> None:
    for number in range(2):
        invalidation.invalidate(tags=[f"first:{number}"])
        drain.drain()
    pass_seconds(2)


def test_young_events_wait_and_merge_while_deliveries_pile_up(queue: object) -> None:
    pile_up()
    for number in range(3):
        invalidation.invalidate(tags=[f"second:{number}"])
        assert drain.drain().events == 0
    pass_seconds(10)
    merged = drain.drain()
    assert (merged.events, len(merged.batches)) == (3, 1)


def test_a_takedown_does_not_wait(queue: object) -> None:
    pile_up()
    invalidation.invalidate(tags=["second"])
    invalidation.invalidate(tags=["wrong"], lane="takedown")
    assert drain.drain().events == 1


def test_deliveries_that_have_just_been_handed_out_are_no_congestion(queue: object) -> None:
    for number in range(5):
        invalidation.invalidate(tags=[f"first:{number}"])
        assert drain.drain().events == 1


def test_events_that_were_left_are_announced_when_the_congestion_has_cleared(queue: Queue) -> None:
    pile_up()
    invalidation.invalidate(tags=["second"])
    assert drain.drain().events == 0
    announced = queue.drains
    assert not drain.resume("default")
    queue.run()
    assert drain.resume("default")
    assert queue.drains == announced + 1
    assert not drain.resume("default")
    assert drain.drain().events == 1

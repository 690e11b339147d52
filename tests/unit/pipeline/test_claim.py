"""Draining: lanes, limits, widening, the end of a turn, and several drains at once."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from invalidation.models import Batch, BatchStatus, Delivery, Event, EventStatus
from invalidation.pipeline.intake import backpressure, claim, drain
from tests.unit.pipeline.chain import EDGE, Chain, Queue
from tests.unit.pipeline.conftest import Dirty, declared

pytestmark = [pytest.mark.databases, pytest.mark.django_db]

#: Two savepoints or transactions, one look at each of three lanes and its depth, batch, events, deliveries.
CLAIM_QUERIES = 12


def store(number: int, lane: str = "bulk", targets: dict[str, object] | None = None) -> None:
    """Many pending events."""
    rows = (
        Event(source="code", lane=lane, targets=targets or {"urls": [f"/{place}/"], "tags": [f"post:{place}"]})
        for place in range(number)
    )
    Event.objects.bulk_create(rows, batch_size=2000)


def test_a_takedown_overtakes_a_backlog_of_bulk(dirty: Dirty, queue: Queue) -> None:
    store(3000)
    takedown = dirty("/illegal/", lane="takedown")
    drain.drain(limit_batches=1)
    takedown.refresh_from_db()
    assert takedown.status == EventStatus.CLAIMED
    assert Event.objects.filter(status=EventStatus.PENDING).count() == 3000


def test_a_takedown_stored_during_a_drain_is_in_its_next_batch(dirty: Dirty, queue: Queue) -> None:
    store(3000)
    queue.on_announcement.append(lambda: dirty("/illegal/", lane="takedown"))
    drain.drain(limit_batches=2)
    assert list(Batch.objects.order_by("id").values_list("lane", flat=True)) == ["bulk", "takedown"]


def test_bulk_does_not_starve_behind_a_stream_of_takedowns(dirty: Dirty, settings: Settings, queue: Queue) -> None:
    settings.INVALIDATION = declared(LOWEST_LANE_EVERY=3, CLAIM_LIMIT=1)
    store(2)
    for _ in range(10):
        dirty("/illegal/", lane="takedown")
    drain.drain()
    lanes = list(Batch.objects.order_by("id").values_list("lane", flat=True))
    assert [place for place, lane in enumerate(lanes) if lane == "bulk"] == [2, 5]


def test_a_turn_that_is_over_announces_what_is_left(queue: Queue, settings: Settings) -> None:
    settings.INVALIDATION = declared(CLAIM_LIMIT=10)
    store(50)
    assert drain.drain(limit_batches=2).events == 20
    assert queue.drains == 1
    assert drain.drain().events == 30
    assert queue.drains == 1


def test_a_drain_ends_its_turn_in_time(queue: Queue, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain, "TURN_SECONDS", 0)
    settings.INVALIDATION = declared(CLAIM_LIMIT=10)
    store(50)
    assert drain.drain().events == 10
    assert queue.drains == 1


def test_a_batch_holds_no_more_targets_than_its_limit(dirty: Dirty, settings: Settings, queue: Queue) -> None:
    settings.INVALIDATION = declared(BATCH_TARGETS_LIMIT=10)
    for number in range(4):
        dirty(*[f"/{number}/{place}/" for place in range(4)])
    dirty(*[f"/large/{place}/" for place in range(40)])
    drain.drain()
    assert list(Batch.objects.order_by("id").values_list("event_count", flat=True)) == [2, 2, 1]


def test_a_batch_may_be_full_to_its_limit(dirty: Dirty, settings: Settings, queue: Queue) -> None:
    settings.INVALIDATION = declared(BATCH_TARGETS_LIMIT=4)
    for number in range(4):
        dirty(f"/{number}/a/", f"/{number}/b/")
    drain.drain()
    assert list(Batch.objects.order_by("id").values_list("event_count", flat=True)) == [2, 2]


def test_a_deep_backlog_is_widened_reported_and_forgotten(
    dirty: Dirty, settings: Settings, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backpressure, "COUNT_SECONDS", 0)
    settings.INVALIDATION = declared(BACKLOG_PREFIXES_DEPTH=40, BACKLOG_EVERYTHING_DEPTH=100, CLAIM_LIMIT=2)
    store(120)
    assert backpressure.levels() == {"bulk": "everything"}
    takedown = dirty("/illegal/", lane="takedown")
    while drain.drain().events:  # a turn ends early on a busy machine
        queue.run()
    found = list(Batch.objects.filter(lane="bulk").order_by("id").values_list("widening", "event_count"))
    assert found[:2] == [("everything", 20), ("everything", 20)][: len(found[:2])]
    assert [widening for widening, _ in found] == sorted(
        (widening for widening, _ in found), key=["everything", "prefixes", ""].index
    )
    assert {widening for widening, _ in found} == {"everything", "prefixes", ""}
    takedown.refresh_from_db()
    assert takedown.batch is not None
    assert takedown.batch.widening == ""
    wide = Delivery.objects.filter(batch__widening="everything", node=EDGE).earliest("id")
    assert wide.decisions == ["backlog: 40 targets widened to everything"]
    assert ("purge_everything", ()) in Chain.nodes[EDGE].calls
    assert backpressure.levels() == {}
    assert not Batch.objects.exclude(status=BatchStatus.DONE).exists()


def test_a_claim_costs_a_bounded_number_of_queries(queue: Queue) -> None:
    store(2000)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert claim.claim("default") is not None
    assert len(queries) <= CLAIM_QUERIES, [query["sql"][:100] for query in queries]

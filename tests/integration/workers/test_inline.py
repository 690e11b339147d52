"""Which deliveries a task goes on with, and which get a message of their own."""

from __future__ import annotations

import pytest
from celery import current_app
from kombu import Queue as MessageQueue
from pytest_django import Settings

from invalidation.contrib.celery import queues, tasks
from invalidation.contrib.celery.consuming import inline
from invalidation.contrib.celery.consuming.slots import slots
from invalidation.models import Batch, Delivery, DeliveryStatus
from invalidation.targets.values import CachePlace
from tests.unit.pipeline.chain import EDGE, LEFT, Chain, Node, Queue


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> list[Delivery]:
    """Two deliveries to the tier of a queue that this process consumes."""
    near = MessageQueue(queues.tier_queue("near"), queues.EXCHANGE)
    monkeypatch.setattr(current_app.amqp.queues, "_consume_from", {near.name: near})
    return [Delivery(batch=Batch(pk=1), tier="near", node=node) for node in ("left", "right")]


def test_a_task_goes_on_with_one_delivery_and_leaves_the_others_to_messages(rows: list[Delivery]) -> None:
    with inline.inline_run("default") as run:
        assert inline.left("default", rows, 0.0) == rows[1:]
        assert [run.next_delivery(), run.next_delivery()] == [rows[0], None]


@pytest.mark.django_db
def test_what_a_task_took_on_and_finds_no_slot_for_gets_a_message_after_all(
    rows: list[Delivery], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else knows of it: the sweep would find it minutes later."""
    queue = Queue()
    queue.connect()
    monkeypatch.setattr(slots, "size", 2)
    with inline.inline_run("default") as run, slots.asked(CachePlace("near", "left"), "editorial"):
        inline.left("default", rows, 0.0)
        assert list(tasks._inline(run)) == []
    queue.disconnect()
    assert (len(queue.deliveries), queue.waits) == (1, [tasks.POSTPONED_SECONDS])


@pytest.mark.django_db
def test_a_task_takes_one_slot_however_far_it_goes(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    consumed = {name: MessageQueue(name, queues.EXCHANGE) for name in map(queues.tier_queue, ("near", "far"))}
    monkeypatch.setattr(current_app.amqp.queues, "_consume_from", consumed)
    monkeypatch.setattr(slots, "size", 2)
    Chain.nodes.update({LEFT: Node(), EDGE: Node()})
    near, far = ({"PROVIDER": "tests.unit.pipeline.chain.Chain", "NODES": [node]} for node in (LEFT, EDGE))
    settings.INVALIDATION = {
        "TIERS": {"near": near, "far": far | {"FILLS_FROM": ["near"]}},
        "FRESHNESS": {"TRANSFER_SECONDS": 0},
    }
    batch = Batch.objects.create(targets={"tags": ["a"]})
    first = Delivery.objects.create(batch=batch, tier="near", node=LEFT)
    Delivery.objects.create(batch=batch, tier="far", node=EDGE)
    tasks.deliver.run("default", first.pk, tier="near", node=LEFT, lane="editorial")
    assert set(Delivery.objects.values_list("status", flat=True)) == {DeliveryStatus.PURGED}
    assert slots.held.total() == 0


def test_a_task_that_comes_back_with_more_keeps_nothing_waiting(rows: list[Delivery]) -> None:
    with inline.inline_run("default") as run:
        inline.left("default", rows[:1], 0.0)
        assert inline.left("default", rows[1:], 0.0) == rows
        assert run.next_delivery() is None


def test_a_task_that_has_run_for_long_sends_messages(rows: list[Delivery]) -> None:
    with inline.inline_run("default") as run:
        run.started -= inline.INLINE_SECONDS
        assert inline.left("default", rows, 0.0) == rows


def test_a_delivery_for_the_queue_of_other_workers_gets_its_message(rows: list[Delivery]) -> None:
    rows[0].tier = "far"
    with inline.inline_run("default"):
        assert inline.left("default", rows[:1], 0.0) == rows[:1]


def test_a_retry_gets_its_message(rows: list[Delivery]) -> None:
    with inline.inline_run("default"):
        assert inline.left("default", rows, 1.0) == rows
        rows[0].status = DeliveryStatus.FAILED
        assert inline.left("default", rows[:1], 0.0) == rows[:1]


def test_outside_of_a_task_and_for_another_database_everything_gets_its_message(rows: list[Delivery]) -> None:
    assert inline.left("default", rows, 0.0) == rows
    with inline.inline_run("default"):
        assert inline.left("other", rows, 0.0) == rows

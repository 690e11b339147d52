"""A drain that purges the tiers itself: what it writes, what it leaves to others, and what a death in between costs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from deploy.local.processes import wait_for
from invalidation.exceptions import RejectedError, TransientError
from invalidation.models import Batch, BatchStatus, Delivery, DeliveryStatus, Event, EventStatus
from invalidation.pipeline.aftercare import rebound, sweep
from invalidation.pipeline.delivery import first_pass
from invalidation.pipeline.delivery.slowness import SLOW_SECONDS, slowness
from invalidation.pipeline.intake import drain
from invalidation.pipeline.intake.drain_lock import LOST_SECONDS, helm
from invalidation.targets.values import CachePlace
from tests.integration.freshness.conftest import let_pass
from tests.unit.pipeline.chain import APPLICATION, EDGE, LEFT, RIGHT, Chain, Node, Queue, fails
from tests.unit.pipeline.conftest import Dirty, declared

pytestmark = [pytest.mark.databases, pytest.mark.django_db]

TIERS = ("application", "inner", "edge")
DOWN = TransientError("Connection refused", reply="ECONNREFUSED")
#: Pending events, batch, its events, its deliveries; then deliveries, batch and events as they ended.
STATEMENTS = 7


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    slowness.forget()
    yield
    slowness.forget()


def statements(queries: CaptureQueriesContext) -> list[str]:
    """Without the beginnings and ends of transactions."""
    words = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")
    return [query["sql"] for query in queries if not query["sql"].startswith(words)]


def verbs(node: str) -> int:
    return len(Chain.nodes[node].calls)


def on(node: str) -> Delivery:
    return Delivery.objects.get(node=node)


def test_a_batch_goes_through_every_tier_in_7_statements_and_no_message(dirty: Dirty, queue: Queue) -> None:
    dirty("/a/")
    with CaptureQueriesContext(connection) as queries:
        drain.drain(inline_tiers=TIERS)
    assert len(statements(queries)) == STATEMENTS, statements(queries)
    assert queue.deliveries == []
    assert [row.status for row in Delivery.objects.order_by("id")] == ["purged"] * 4
    assert (Batch.objects.get().status, Event.objects.get().status) == (BatchStatus.DONE, EventStatus.DONE)
    assert Batch.objects.get().sequence is not None


def test_the_first_purge_waits_for_no_insert_where_the_database_locks_events(dirty: Dirty, queue: Queue) -> None:
    if not connection.features.has_select_for_update_skip_locked:
        pytest.skip("Without locks the claim has to commit first.")
    asked, waited = threading.Event(), []

    def held(execute: Callable[..., object], sql: str, *arguments: object) -> object:
        if sql.startswith("INSERT") and Batch._meta.db_table in sql:
            waited.append(asked.wait(10))
        return execute(sql, *arguments)

    Chain.nodes[APPLICATION].before.append(asked.set)
    dirty("/a/")
    with connection.execute_wrapper(held):
        drain.drain(inline_tiers=TIERS)
    assert waited == [True]
    assert (Batch.objects.get().status, Event.objects.get().status) == (BatchStatus.DONE, EventStatus.DONE)


def test_40_nodes_take_the_same_7_statements(dirty: Dirty, queue: Queue, settings: Settings) -> None:
    nodes = [f"http://node-{number}" for number in range(40)]
    Chain.nodes.update({name: Node() for name in nodes})
    settings.INVALIDATION = declared(TIERS={"inner": {"PROVIDER": "tests.unit.pipeline.chain.Chain", "NODES": nodes}})
    dirty("/a/")
    with CaptureQueriesContext(connection) as queries:
        drain.drain(inline_tiers=["inner"])
    assert len(statements(queries)) == STATEMENTS
    assert set(Delivery.objects.values_list("status", "attempts", "leases")) == {("purged", 1, 1)}


def test_events_that_are_pending_together_are_one_batch_and_end_together(dirty: Dirty, queue: Queue) -> None:
    for number in range(5):
        dirty(f"/{number}/")
    drained = drain.drain(inline_tiers=TIERS)
    assert (drained.events, len(drained.batches)) == (5, 1)
    assert set(Event.objects.values_list("status", flat=True)) == {EventStatus.DONE}


def test_inner_tiers_are_purged_before_outer_ones(dirty: Dirty, queue: Queue) -> None:
    order: list[str] = []
    for name, node in Chain.nodes.items():
        node.before.append(lambda name=name: order.append(name))  # type: ignore[misc]
    dirty("/a/")
    drain.drain(inline_tiers=TIERS)
    assert (order[0], set(order[1:3]), order[3]) == (APPLICATION, {LEFT, RIGHT}, EDGE)


def test_a_second_pass_that_fails_is_tried_again_and_the_event_waits_for_it(
    dirty: Dirty, queue: Queue, settings: Settings
) -> None:
    settings.INVALIDATION = declared(TRANSFER_SECONDS=0.05)
    Chain.nodes[EDGE].after.append(lambda: setattr(Chain.nodes[EDGE], "trouble", fails(DOWN)))
    event = dirty("/a/")
    drain.drain(inline_tiers=TIERS)
    edge = on(EDGE)
    assert (edge.status, edge.error, edge.completed_at) == ("failed", "Connection refused", None)
    assert len(edge.steps or []) == 1
    event.refresh_from_db()
    assert event.status == EventStatus.CLAIMED


def test_a_node_that_fails_holds_up_nobody_and_has_a_message_of_its_own(dirty: Dirty, queue: Queue) -> None:
    Chain.nodes[LEFT].trouble = fails(DOWN)
    dirty("/a/")
    drain.drain(inline_tiers=TIERS)
    assert (on(LEFT).status, on(LEFT).attempts, on(LEFT).reply) == ("failed", 1, "ECONNREFUSED")
    assert [on(node).status for node in (APPLICATION, RIGHT, EDGE)] == ["purged"] * 3
    assert queue.deliveries == [on(LEFT).pk]
    assert Batch.objects.get().status == BatchStatus.RUNNING


def test_a_refusal_ends_the_event_as_a_dead_letter(dirty: Dirty, queue: Queue) -> None:
    Chain.nodes[EDGE].trouble = fails(RejectedError("403 forbidden"))
    dirty("/a/")
    drain.drain(inline_tiers=TIERS)
    assert (on(EDGE).status, Batch.objects.get().status, Event.objects.get().status) == ("rejected", "dead", "dead")


def test_tiers_of_other_workers_get_messages_once_the_inner_ones_are_purged(dirty: Dirty, queue: Queue) -> None:
    dirty("/a/")
    drain.drain(inline_tiers=("application", "inner"))
    assert queue.deliveries == [on(EDGE).pk]
    assert [row.status for row in Delivery.objects.order_by("id")] == ["purged"] * 3 + ["pending"]
    assert [row.node for row in queue.run()] == [EDGE]
    assert Event.objects.get().status == EventStatus.DONE


def test_an_outer_tier_waits_where_the_inner_one_belongs_to_another_worker(dirty: Dirty, queue: Queue) -> None:
    dirty("/a/")
    drain.drain(inline_tiers=("application", "edge"))
    assert (verbs(APPLICATION), verbs(EDGE)) == (1, 0)
    assert len(queue.run()) == 3
    assert Event.objects.get().status == EventStatus.DONE


@pytest.mark.parametrize("node", [APPLICATION, RIGHT, EDGE])
@pytest.mark.parametrize("hook", ["before", "after"])
def test_a_worker_that_dies_in_between_leaves_everything_to_the_sweep(
    dirty: Dirty, queue: Queue, node: str, hook: str
) -> None:
    getattr(Chain.nodes[node], hook).append(fails(KeyboardInterrupt()))
    dirty("/a/")
    with pytest.raises(KeyboardInterrupt):
        drain.drain(inline_tiers=TIERS)
    assert set(Delivery.objects.values_list("status", flat=True)) == {DeliveryStatus.PENDING}
    hour = timedelta(hours=1)
    Delivery.objects.update(available_at=F("available_at") - hour)
    sweep.sweep("default")
    assert len(queue.run()) == 4
    assert Event.objects.get().status == EventStatus.DONE


def test_what_somebody_else_has_taken_meanwhile_is_settled_by_him_alone(dirty: Dirty, queue: Queue) -> None:
    dirty("/a/")
    real = first_pass.go_round

    def overtaken(*arguments: object) -> None:
        Delivery.objects.filter(node=LEFT).update(status=DeliveryStatus.RUNNING, leases=1)

    first_pass.go_round = overtaken  # type: ignore[assignment]
    try:
        drain.drain(inline_tiers=TIERS)
    finally:
        first_pass.go_round = real
    assert on(LEFT).status == DeliveryStatus.RUNNING
    assert [on(node).status for node in (APPLICATION, RIGHT, EDGE)] == ["pending"] * 3


def test_a_rebound_is_carried_too(dirty: Dirty, queue: Queue, settings: Settings) -> None:
    settings.INVALIDATION = declared(LONGEST_RENDER_SECONDS=10)
    dirty("/a/")
    drain.drain(inline_tiers=TIERS)
    let_pass(timedelta(seconds=11))
    rebound.rebound("default", inline_tiers=TIERS)
    assert queue.deliveries == []
    assert Batch.objects.get(event_count=0).status == BatchStatus.DONE


def in_parallel(work: Callable[[], object]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_a_drain_that_comes_meanwhile_leaves_its_events_to_the_one_that_is_at_it(dirty: Dirty, queue: Queue) -> None:
    came: list[int] = []

    def comes() -> None:
        in_parallel(lambda: came.append(drain.drain(inline_tiers=TIERS).events))

    Chain.nodes[LEFT].before.append(comes)
    dirty("/a/")
    queue.connect()
    drained = drain.drain(inline_tiers=TIERS)
    assert (came, drained.events) == ([0], 1)


def test_a_drain_that_hangs_is_waited_for_no_more(db: None) -> None:
    hanging = helm.take("there")
    assert hanging is not None
    assert helm.take("there") is None
    hanging.taken_at -= LOST_SECONDS
    second = helm.take("there")
    assert second is not None
    assert helm.leave("there", second, anyway=True)
    assert helm.leave("there", hanging, anyway=True)


def test_while_a_drain_is_at_bulk_work_another_one_may_claim_what_is_more_urgent(db: None) -> None:
    first = helm.take("here")
    assert first is not None
    first.lane = "bulk"
    second = helm.take("here")
    assert second is not None
    assert list(second.lanes) == ["takedown", "editorial"]
    assert helm.take("here") is None
    assert not helm.leave("here", first)
    assert helm.is_called(first)
    assert helm.leave("here", first)
    assert "bulk" in second.lanes
    assert helm.leave("here", second, anyway=True)


def test_what_sent_a_drain_for_urgent_lanes_alone_is_left_to_the_one_at_bulk_work(db: None) -> None:
    first = helm.take("here")
    assert first is not None
    first.lane = "bulk"
    second = helm.take("here")
    assert second is not None
    assert helm.leave("here", second)
    assert helm.is_called(first)
    assert helm.leave("here", first)


@pytest.mark.django_db(transaction=True)
def test_a_node_that_does_not_answer_holds_up_nobody_and_is_settled_when_it_does(dirty: Dirty, queue: Queue) -> None:
    answers = threading.Event()
    Chain.nodes[LEFT].before.append(lambda: answers.wait(30))
    event = dirty("/a/")
    drain.drain(inline_tiers=TIERS)
    assert (on(LEFT).status, on(LEFT).leases, on(LEFT).attempts) == ("running", 1, 1)
    assert [on(node).status for node in (APPLICATION, RIGHT, EDGE)] == ["purged", "purged", "pending"]
    assert slowness.holds(CachePlace("inner", LEFT))
    answers.set()
    wait_for(lambda: queue.deliveries, 10, "the edge to be handed out")
    assert (on(LEFT).status, queue.deliveries) == ("purged", [on(EDGE).pk])
    queue.run()
    event.refresh_from_db()
    assert event.status == EventStatus.DONE


def test_a_node_that_was_slow_is_left_to_messages_until_it_was_quick_once(dirty: Dirty, queue: Queue) -> None:
    slowness.note(CachePlace("inner", LEFT), SLOW_SECONDS * 2)
    dirty("/a/")
    drain.drain(inline_tiers=TIERS)
    # Where the machine is busy the node inside it was given up as slow too, and its late answer hands this one out.
    wait_for(lambda: queue.deliveries, 10, "the slow node's delivery to be handed out")
    assert (verbs(LEFT), queue.deliveries) == (0, [on(LEFT).pk])
    queue.run()
    assert Event.objects.get().status == EventStatus.DONE
    assert not slowness.holds(CachePlace("inner", LEFT))

"""A takedown waits for no slow node: what goes on without it, in which order, and what its late answer repeats."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from django.db import connection

from deploy.local.processes import wait_for
from invalidation.models import Delivery, Event, EventStatus, Pass
from invalidation.pipeline import dispatch
from invalidation.pipeline.delivery.slowness import slowness
from invalidation.pipeline.intake import drain
from invalidation.pipeline.intake.drain_lock import helm
from invalidation.targets.values import CachePlace, Lane
from tests.unit.pipeline.chain import EDGE, LEFT, RIGHT, Chain, Queue
from tests.unit.pipeline.conftest import Dirty

pytestmark = [pytest.mark.databases, pytest.mark.django_db(transaction=True)]

TIERS = ("application", "inner", "edge")


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    slowness.forget()
    yield
    slowness.forget()


@contextmanager
def blocked(node: str) -> Iterator[None]:
    """Within, the node answers nobody."""
    answers = threading.Event()
    Chain.nodes[node].before.append(lambda: answers.wait(60))
    try:
        yield
    finally:
        answers.set()


def status(node: str, delivery_pass: str = Pass.PURGE) -> str:
    return Delivery.objects.get(node=node, delivery_pass=delivery_pass).status


@pytest.mark.parametrize("known", [False, True])
def test_a_takedown_goes_on_outwards_while_a_slow_inner_node_is_asked_and_repeats_when_that_has_answered(
    dirty: Dirty, queue: Queue, known: bool
) -> None:
    if known:
        slowness.note(CachePlace("inner", LEFT), 10)
    event = dirty("/illegal/", lane=Lane.TAKEDOWN)
    with blocked(LEFT):
        drain.drain(inline_tiers=TIERS, lane=Lane.TAKEDOWN)
        assert len(Chain.nodes[LEFT].calls) == 1
        assert (status(LEFT), status(RIGHT), status(EDGE)) == ("running", "purged", "purged")
    wait_for(lambda: queue.deliveries, 10, "the edge's repeat to be handed out")
    assert [(row.node, row.delivery_pass) for row in queue.run()] == [(EDGE, Pass.REPEAT)]
    event.refresh_from_db()
    assert (status(LEFT), event.status) == ("purged", EventStatus.DONE)


def test_a_takedown_is_drained_while_another_drain_waits_for_a_slow_node(dirty: Dirty, queue: Queue) -> None:
    dirty("/ordinary/")
    taken: list[str] = []

    def drained() -> None:
        with closing(connection):
            drain.drain(inline_tiers=TIERS, lane=Lane.TAKEDOWN)

    def takes_down() -> None:
        with closing(connection):
            dirty("/illegal/", lane=Lane.TAKEDOWN)
            thread = threading.Thread(target=drained)
            thread.start()
            thread.join()
            taken.extend(Event.objects.filter(status=EventStatus.DONE).values_list("lane", flat=True))

    Chain.nodes[RIGHT].before.append(takes_down)  # at work for the ordinary one
    drain.drain(inline_tiers=TIERS)
    assert taken == [Lane.TAKEDOWN]


def test_only_a_takedown_has_a_seat_of_its_own_and_one_at_a_time(db: None) -> None:
    first = helm.take("there")
    assert first is not None
    first.lane = Lane.EDITORIAL
    assert helm.take("there", Lane.EDITORIAL) is None
    second = helm.take("there", Lane.TAKEDOWN)
    assert second is not None
    assert list(second.lanes) == [Lane.TAKEDOWN]
    assert helm.take("there", Lane.TAKEDOWN) is None
    assert helm.is_called(second)
    assert helm.leave("there", first, anyway=True)
    assert Lane.BULK in second.lanes
    assert helm.leave("there", second, anyway=True)


def test_a_delivery_that_nobody_is_free_for_holds_up_no_outer_tier(dirty: Dirty, queue: Queue) -> None:
    slowness.note(CachePlace("inner", LEFT), 10)
    dirty("/a/")
    drain.drain(inline_tiers=TIERS)
    left = Delivery.objects.get(node=LEFT)
    assert (queue.deliveries, status(EDGE)) == ([left.pk], "pending")
    queue.deliveries.clear()
    dispatch.pass_by("default", left.pk)
    assert [row.node for row in queue.run()] == [EDGE]
    dispatch.pass_by("default", left.pk)
    queue.deliveries.append(left.pk)
    assert [(row.node, row.delivery_pass) for row in queue.run()] == [(LEFT, Pass.PURGE), (EDGE, Pass.REPEAT)]
    assert Event.objects.get().status == EventStatus.DONE

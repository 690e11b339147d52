"""What is urgent while a worker is at bulk work: another drain claims it, and no node is mistaken for a slow one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from django.db import connection

from deploy.local.processes import wait_for
from invalidation.models import Batch, Delivery, Event
from invalidation.pipeline.delivery.slowness import SLOW_SECONDS, Slowness, slowness
from invalidation.pipeline.intake import drain
from invalidation.pipeline.intake.drain_lock import Seat, helm
from invalidation.signals import event_recorded
from invalidation.targets.values import CachePlace, Lane
from tests.unit.pipeline.chain import EDGE, LEFT, Chain, Queue
from tests.unit.pipeline.conftest import Dirty

pytestmark = [pytest.mark.databases, pytest.mark.django_db]

TIERS = ("application", "inner", "edge")
BEFORE_THE_LOWEST_TURN = 4
PLACE = CachePlace("inner", LEFT)


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    slowness.forget()
    yield
    slowness.forget()


def test_what_came_while_bulk_events_were_claimed_is_announced_before_they_are_purged(
    dirty: Dirty, queue: Queue
) -> None:
    announced, waited = threading.Event(), []
    seats: list[Seat | None] = []

    def comes(execute: Callable[..., object], sql: str, *arguments: object) -> object:
        if sql.startswith("SELECT") and Event._meta.db_table in sql and not seats:
            seats.append(helm.take("default"))
        return execute(sql, *arguments)

    def hears(**_: object) -> None:
        announced.set()

    event_recorded.connect(hears)
    dirty("/bulk/", lane=Lane.BULK)
    dirty("/edited/", lane=Lane.EDITORIAL)
    Chain.nodes[EDGE].before.append(lambda: waited.append(announced.wait(10)))
    drain.pace.batches = BEFORE_THE_LOWEST_TURN
    with connection.execute_wrapper(comes):
        drain.drain(inline_tiers=TIERS, limit_batches=1)
    assert (Batch.objects.get().lane, seats, waited) == (Lane.BULK, [None], [True])


def test_between_two_bulk_batches_another_drain_may_claim_what_is_more_urgent(dirty: Dirty, queue: Queue) -> None:
    statements: list[str] = []
    seats: list[Seat | None] = []

    def comes(execute: Callable[..., object], sql: str, *arguments: object) -> object:
        if sql.startswith("SELECT") and any(Batch._meta.db_table in each for each in statements):
            seats.append(seat := helm.take("default"))
            assert seat is None or helm.leave("default", seat)
        statements.append(sql if sql.startswith("INSERT") else "")
        return execute(sql, *arguments)

    dirty("/bulk/", lane=Lane.BULK)
    Event.objects.filter(pk=dirty("/other/", lane=Lane.BULK).pk).update(tiers="inner")
    with connection.execute_wrapper(comes):
        drain.drain(inline_tiers=TIERS)
    assert Batch.objects.count() == 2
    assert any(seats)


@pytest.mark.django_db(transaction=True)
def test_a_node_is_not_called_slow_for_what_it_takes_to_plan_its_calls(dirty: Dirty, queue: Queue) -> None:
    never = threading.Event()
    Chain.plans.append(lambda: never.wait(2 * SLOW_SECONDS))
    dirty("/a/")
    drain.drain(inline_tiers=["application"])
    innermost = Delivery.objects.get(tier="application")
    wait_for(lambda: Delivery.objects.filter(pk=innermost.pk, status="purged").exists(), 10, "the late end")
    assert not slowness.holds(innermost.place)


def test_a_node_that_is_being_asked_for_longer_than_its_calls_may_take_is_slow() -> None:
    nodes = Slowness()
    with nodes.asked(PLACE, calls=1):
        assert not nodes.holds(PLACE)
    assert not nodes.holds(PLACE)
    nodes.due[PLACE] = time.monotonic() - 1
    assert nodes.holds(PLACE)


def test_a_node_that_took_long_is_slow_until_one_of_its_calls_was_answered_faster() -> None:
    nodes = Slowness()
    nodes.note(PLACE, 10.0, calls=1)
    assert nodes.holds(PLACE)
    nodes.note(PLACE, 10.0, calls=10_000)
    assert not nodes.holds(PLACE)

"""A batch is over when every cache was purged after whatever old was on its way to it had arrived, on every path."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Max
from pytest_django import Settings

from invalidation.exceptions import TransientError
from invalidation.models import Batch, BatchStatus, Delivery, Event, EventStatus
from invalidation.pipeline import dispatch
from invalidation.pipeline.aftercare import rebound, replay, sweep
from invalidation.pipeline.delivery.slowness import slowness
from invalidation.pipeline.intake import drain
from invalidation.targets.values import CachePlace
from tests.integration.freshness.conftest import let_pass
from tests.unit.pipeline.chain import APPLICATION, EDGE, LEFT, RIGHT, SITE, Chain, Queue, fails
from tests.unit.pipeline.conftest import PROVIDER, Dirty, declared
from tests.unit.pipeline.test_deliver import an_hour_later

pytestmark = [pytest.mark.databases, pytest.mark.django_db]

TRANSFER_SECONDS = 0.05
TIERS = ("application", "inner", "edge")
PAGE = f"{SITE}/a/"
DOWN = TransientError("down")
VENDOR = "tests.unit.pipeline.test_ending.Metered"


class Metered(Chain):
    """A vendor whose calls are paid for."""

    costs_money = True


def tiers(**edge: Any) -> dict[str, Any]:
    """An application's values, two nodes that fill from the application, and an edge."""
    return {
        "application": {"PROVIDER": "tests.unit.pipeline.chain.Free"},
        "inner": {"PROVIDER": PROVIDER, "FILLS_FROM": ["application"], "NODES": [LEFT, RIGHT]},
        "edge": {"PROVIDER": PROVIDER, "FILLS_FROM": ["inner"], "NODES": [EDGE], **edge},
    }


@pytest.fixture(autouse=True)
def _transfers(settings: Settings) -> Iterator[None]:
    settings.INVALIDATION = declared(TIERS=tiers(), TRANSFER_SECONDS=TRANSFER_SECONDS, LONGEST_RENDER_SECONDS=10)
    slowness.forget()
    yield
    slowness.forget()


def late(name: str, inside: str) -> None:
    """What the node had begun to take from `inside` just before that was purged arrives after its own purge.

    Unless it was purged so late that nothing can be on its way any more.
    """

    def arrives() -> None:
        if time.monotonic() < Chain.nodes[inside].purged_at + TRANSFER_SECONDS:
            Chain.nodes[name].copies[PAGE] = 0

    Chain.nodes[name].after.append(arrives)


def everything_is_in_order() -> None:
    """No copy is left, and the last purge of each cache began when what was purged further in had arrived."""
    assert set(Event.objects.values_list("status", flat=True)) == {EventStatus.DONE}
    assert not any(node.copies for node in Chain.nodes.values())
    for inner, outer in (("application", "inner"), ("inner", "edge")):
        ended = Delivery.objects.filter(tier=inner).aggregate(at=Max("completed_at"))["at"]
        begun = Delivery.objects.filter(tier=outer).aggregate(at=Max("started_at"))["at"]
        assert not ended or ended + timedelta(seconds=TRANSFER_SECONDS) <= begun


def carried(queue: Queue) -> None:
    drain.drain(inline_tiers=TIERS)
    queue.run()


def by_messages(queue: Queue) -> None:
    drain.drain()
    queue.run()


def half_carried(queue: Queue) -> None:
    drain.drain(inline_tiers=["application", "inner"])
    queue.run()


def slow_node(queue: Queue) -> None:
    slowness.note(CachePlace("inner", LEFT), 10.0)
    carried(queue)


@pytest.mark.parametrize("path", [carried, by_messages, half_carried, slow_node])
def test_what_was_on_its_way_when_a_cache_was_purged_is_gone_when_the_event_is_done(
    path: Callable[[Queue], None], dirty: Dirty, queue: Queue
) -> None:
    late(RIGHT, APPLICATION)
    late(EDGE, RIGHT)
    dirty(tags=["a"])
    path(queue)
    everything_is_in_order()


@pytest.mark.parametrize("node", [APPLICATION, LEFT])
def test_what_came_while_an_inner_node_was_away_is_gone_when_the_event_is_done(
    node: str, dirty: Dirty, queue: Queue
) -> None:
    Chain.nodes[node].trouble = fails(DOWN)
    dirty(tags=["a"])
    carried(queue)
    assert Event.objects.get().status == EventStatus.CLAIMED
    Chain.nodes[node].trouble = None
    an_hour_later()
    late(RIGHT, APPLICATION)
    late(EDGE, LEFT)
    sweep.sweep("default")
    queue.run()
    everything_is_in_order()


def test_what_came_before_a_replay_is_gone_when_the_event_is_done(dirty: Dirty, queue: Queue) -> None:
    Chain.nodes[LEFT].trouble = fails(DOWN)
    dirty(tags=["a"])
    carried(queue)
    Delivery.objects.filter(node=LEFT).update(status="dead")
    Batch.objects.update(status=BatchStatus.DEAD)
    Chain.nodes[LEFT].trouble = None
    replay.replay_all("default", actor="ada")
    late(EDGE, LEFT)
    dispatch.hand_out("default", Batch.objects.get())
    queue.run()
    everything_is_in_order()


def test_a_purge_in_several_turns_whose_first_calls_came_too_early_is_made_again(dirty: Dirty, queue: Queue) -> None:
    """Two URLs a call: the first call is made early, the second after the node was away for an hour."""
    calls = iter([None, DOWN])

    def second_fails() -> None:
        if error := next(calls, None):
            raise error

    Chain.nodes[LEFT].trouble = second_fails
    late(LEFT, APPLICATION)
    dirty("/a/", "/b/", "/c/")
    carried(queue)
    an_hour_later()
    sweep.sweep("default")
    queue.run()
    everything_is_in_order()


@pytest.mark.parametrize("path", [carried, by_messages, slow_node])
def test_a_vendor_whose_calls_count_is_told_once_when_nothing_is_on_its_way_any_more(
    path: Callable[[Queue], None], dirty: Dirty, queue: Queue, settings: Settings
) -> None:
    settings.INVALIDATION = declared(TIERS=tiers(PROVIDER=VENDOR), TRANSFER_SECONDS=TRANSFER_SECONDS)
    late(RIGHT, APPLICATION)
    dirty(tags=["a"])
    path(queue)
    everything_is_in_order()
    assert len(Chain.nodes[EDGE].calls) == 1


def test_a_node_that_is_away_does_not_keep_the_vendor_waiting(dirty: Dirty, queue: Queue, settings: Settings) -> None:
    settings.INVALIDATION = declared(TIERS=tiers(PROVIDER=VENDOR), TRANSFER_SECONDS=TRANSFER_SECONDS)
    Chain.nodes[LEFT].trouble = fails(DOWN)
    dirty(tags=["a"])
    carried(queue)
    assert len(Chain.nodes[EDGE].calls) == 1


@pytest.mark.parametrize("tiers", [TIERS, ()])
def test_a_rebound_looks_after_what_is_on_its_way_too(tiers: tuple[str, ...], dirty: Dirty, queue: Queue) -> None:
    dirty(tags=["a"])
    carried(queue)
    let_pass(timedelta(seconds=11))
    late(EDGE, LEFT)
    rebound.rebound("default", inline_tiers=tiers)
    queue.run()
    assert not Chain.nodes[EDGE].copies
    assert Batch.objects.get(event_count=0).status == BatchStatus.DONE


def test_each_cache_is_purged_twice_and_the_values_once(dirty: Dirty, queue: Queue) -> None:
    dirty(tags=["a"])
    carried(queue)
    assert {name: len(node.calls) for name, node in Chain.nodes.items()} == {APPLICATION: 1, LEFT: 2, RIGHT: 2, EDGE: 2}
    assert Delivery.objects.count() == 4

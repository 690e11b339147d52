"""The rebound: what was purged is purged again after the longest render, merged, inside-out, and not twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from invalidation import conf
from invalidation.exceptions import TransientError
from invalidation.models import Batch, BatchStatus, Delivery, Event, Pass
from invalidation.pipeline import dispatch
from invalidation.pipeline.aftercare import rebound
from invalidation.pipeline.aftercare.rebound import Purge, remaining
from invalidation.pipeline.intake import drain
from invalidation.status import documents
from invalidation.targets.values import CacheKey, Mode, Targets
from tests.integration.freshness.conftest import let_pass
from tests.unit.pipeline.chain import APPLICATION, EDGE, LEFT, RIGHT, Chain, Node, Queue, fails
from tests.unit.pipeline.conftest import declared

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _chain(settings: Settings, db: None) -> Iterator[None]:
    settings.INVALIDATION = declared(LONGEST_RENDER_SECONDS=10, REPLICA_LAG_SECONDS=2)
    Chain.nodes.clear()
    Chain.nodes.update({name: Node() for name in (APPLICATION, LEFT, RIGHT, EDGE)})
    yield
    Chain.nodes.clear()


def change(tiers: dict[str, float | None]) -> None:
    """REBOUND_SECONDS of these tiers."""
    from django.conf import settings
    from django.test.signals import setting_changed

    for name, seconds in tiers.items():
        settings.INVALIDATION["TIERS"][name]["REBOUND_SECONDS"] = seconds
    setting_changed.send(sender=None, setting="INVALIDATION", value=settings.INVALIDATION, enter=True)


def purge(queue: Queue, tiers: str = "", **targets: Any) -> Batch:
    """One event, drained and delivered."""
    Event.objects.create(source="code", targets=Targets.of(**targets).document(), tiers=tiers)
    batch = Batch.objects.get(pk=drain.drain().batches[-1])
    queue.run()
    batch.refresh_from_db()
    return batch


def rebounds(queue: Queue) -> list[tuple[str, str]]:
    """Run what is due; where it was delivered, in order."""
    rebound.rebound("default")
    return [(row.tier, row.node) for row in queue.run()]


def test_a_batch_is_done_when_its_purge_is_proven_and_its_rebound_waits(queue: Queue) -> None:
    batch = purge(queue, tags=["a"])
    assert batch.status == BatchStatus.DONE
    assert batch.completed_at
    assert batch.rebound_at == batch.completed_at + timedelta(seconds=12)
    assert rebounds(queue) == []


def test_a_due_rebound_runs_inside_out_through_every_tier(queue: Queue) -> None:
    batch = purge(queue, urls=["/a/"], tags=["a"])
    let_pass(timedelta(seconds=13))
    assert rebounds(queue) == [("application", APPLICATION), ("inner", LEFT), ("inner", RIGHT), ("edge", EDGE)]
    batch.refresh_from_db()
    assert batch.rebound is not None
    assert batch.rebound.targets == batch.targets
    assert batch.rebound.status == BatchStatus.DONE


def test_a_rebound_happens_once_and_has_none_of_its_own(queue: Queue) -> None:
    purge(queue, tags=["a"])
    let_pass(timedelta(seconds=13))
    assert rebounds(queue)
    let_pass(timedelta(hours=1))
    assert rebounds(queue) == []


def test_rebounds_that_are_due_together_become_one(queue: Queue) -> None:
    first, second = purge(queue, tags=["a"]), purge(queue, tags=["b"])
    let_pass(timedelta(seconds=13))
    rebounds(queue)
    carrier = Batch.objects.get(event_count=0)
    assert carrier.targets == {"tags": ["a", "b"]}
    assert set(carrier.rebounds.all()) == {first, second}


def test_rebounds_of_different_tiers_stay_apart(queue: Queue) -> None:
    purge(queue, tags=["a"])
    purge(queue, tags=["a"], tiers="edge")
    let_pass(timedelta(seconds=13))
    rebounds(queue)
    assert sorted(Batch.objects.filter(event_count=0).values_list("tiers", flat=True)) == ["", "edge"]


def test_a_later_batch_that_purged_the_same_after_the_due_time_does_the_work(queue: Queue) -> None:
    early = purge(queue, tags=["a"])
    let_pass(timedelta(seconds=13))
    purge(queue, tags=["a"])
    assert rebounds(queue) == []
    early.refresh_from_db()
    assert early.rebounded_at is not None
    assert early.rebound is None


def test_only_what_no_later_batch_purged_is_left(queue: Queue) -> None:
    purge(queue, tags=["a", "b"], keys=["k"])
    let_pass(timedelta(seconds=13))
    purge(queue, tags=["a"])
    rebounds(queue)
    assert Batch.objects.get(event_count=0).targets == {"tags": ["b"], "keys": ["k"]}


def test_a_later_batch_before_the_due_time_does_not(queue: Queue) -> None:
    purge(queue, tags=["a"])
    let_pass(timedelta(seconds=8))
    purge(queue, tags=["a"])
    let_pass(timedelta(seconds=5))
    assert rebounds(queue)


def test_plain_keys_are_rebounded_too_because_a_reader_may_set_an_old_value_late(
    queue: Queue, settings: Settings
) -> None:
    settings.INVALIDATION = declared(TIERS={"application": {"PROVIDER": "tests.unit.pipeline.chain.Free"}})
    purge(queue, keys=["k"])
    let_pass(timedelta(seconds=13))
    assert rebounds(queue) == [("application", APPLICATION)]


def test_the_longest_delay_of_the_chain_counts_and_zero_leaves_a_tier_out(queue: Queue) -> None:
    change({"application": 0, "edge": 30})
    batch = purge(queue, tags=["a"])
    assert batch.completed_at
    assert batch.rebound_at == batch.completed_at + timedelta(seconds=30)
    let_pass(timedelta(seconds=31))
    assert rebounds(queue) == [("inner", LEFT), ("inner", RIGHT), ("edge", EDGE)]


def test_without_any_rebound_a_batch_has_no_due_time(queue: Queue) -> None:
    change(dict.fromkeys(conf.settings().tiers, 0))
    assert purge(queue, tags=["a"]).rebound_at is None


def test_the_status_shows_the_rebound_as_a_pass_of_the_event(queue: Queue) -> None:
    purge(queue, tags=["a"])
    let_pass(timedelta(seconds=13))
    rebounds(queue)
    document = documents.document(Event.objects.get())
    assert document["status"] == "done"
    assert [row["pass"] for row in document["deliveries"]] == ["purge"] * 4 + ["rebound"] * 4


def test_a_node_that_fails_in_the_rebound_is_tried_again_and_then_those_outside_it(queue: Queue) -> None:
    purge(queue, urls=["/a/"])
    let_pass(timedelta(seconds=13))
    Chain.nodes[LEFT].before.append(lambda: 1 / 0)
    rebounds(queue)
    left = Delivery.objects.get(delivery_pass=Pass.REBOUND, node=LEFT)
    assert left.status == "failed"
    Delivery.objects.filter(pk=left.pk).update(available_at=timezone.now())
    queue.deliveries.append(left.pk)
    assert [(row.node, row.delivery_pass) for row in queue.run()] == [(LEFT, "rebound"), (EDGE, "repeat")]


def test_a_rebound_waits_for_a_purge_that_takes_long(queue: Queue) -> None:
    Event.objects.create(source="code", targets=Targets.of(tags=["a"]).document())
    drain.drain()
    let_pass(timedelta(seconds=13))
    assert rebounds(queue) == [("application", APPLICATION), ("inner", LEFT), ("inner", RIGHT), ("edge", EDGE)]
    assert set(Delivery.objects.values_list("delivery_pass", flat=True)) == {Pass.PURGE}
    let_pass(timedelta(seconds=13))
    assert len(rebounds(queue)) == 4
    assert Delivery.objects.filter(delivery_pass=Pass.REBOUND).count() == 4


def test_a_node_that_is_purged_late_has_its_rebound_then_and_the_others_have_theirs_before(queue: Queue) -> None:
    Chain.nodes[LEFT].trouble = fails(TransientError("down"))
    purge(queue, tags=["a"])
    let_pass(timedelta(seconds=25))
    assert rebounds(queue) == [("application", APPLICATION), ("inner", RIGHT), ("edge", EDGE)]
    assert rebounds(queue) == []
    let_pass(timedelta(minutes=5))
    Chain.nodes[LEFT].trouble = None
    left = Delivery.objects.get(delivery_pass=Pass.PURGE, node=LEFT)
    Delivery.objects.filter(pk=left.pk).update(available_at=timezone.now())
    queue.deliveries.append(left.pk)
    assert [(row.node, row.delivery_pass) for row in queue.run()] == [(LEFT, "purge"), (EDGE, "repeat")]
    let_pass(timedelta(seconds=13))
    assert rebounds(queue) == [("inner", LEFT), ("edge", EDGE)]
    let_pass(timedelta(hours=1))
    assert rebounds(queue) == []
    passes = [row["pass"] for row in documents.document(Event.objects.get())["deliveries"]]
    assert passes == ["purge"] * 4 + ["rebound"] * 3 + ["repeat"] + ["rebound"] * 2


def test_a_node_that_comes_back_has_its_rebound_while_another_is_still_away(queue: Queue) -> None:
    for node in (LEFT, RIGHT):
        Chain.nodes[node].trouble = fails(TransientError("down"))
    purge(queue, tags=["a"])
    let_pass(timedelta(seconds=25))
    assert rebounds(queue) == [("application", APPLICATION), ("edge", EDGE)]
    Chain.nodes[LEFT].trouble = None
    left = Delivery.objects.get(delivery_pass=Pass.PURGE, node=LEFT)
    Delivery.objects.filter(pk=left.pk).update(available_at=timezone.now())
    queue.deliveries.append(left.pk)
    queue.run()
    let_pass(timedelta(seconds=25))
    assert rebounds(queue) == [("inner", LEFT), ("edge", EDGE)]
    assert Batch.objects.get(event_count=1).status == BatchStatus.RUNNING


def test_a_tier_that_is_no_longer_declared_holds_up_nothing(queue: Queue, settings: Settings) -> None:
    batch = purge(queue, tags=["a"])
    Batch.objects.update(status=BatchStatus.RUNNING, rebounded_at=None)
    settings.INVALIDATION = declared(TIERS={"application": {"PROVIDER": "tests.unit.pipeline.chain.Free"}})
    dispatch.hand_out("default", batch)
    batch.refresh_from_db()
    assert batch.status == BatchStatus.DONE
    let_pass(timedelta(seconds=13))
    assert rebounds(queue) == [("application", APPLICATION)]


def test_two_workers_at_once_make_one_rebound(queue: Queue) -> None:
    purge(queue, tags=["a"])
    let_pass(timedelta(seconds=13))
    due = rebound._take("default", timezone.now())
    assert len(due) == 1
    assert rebound._take("default", timezone.now()) == []


def test_a_huge_rebound_is_cut_at_the_limit_of_a_batch(queue: Queue, settings: Settings) -> None:
    settings.INVALIDATION = declared(BATCH_TARGETS_LIMIT=3)
    for number in range(4):
        purge(queue, tags=[f"a{number}", f"b{number}"])
    Batch.objects.update(rebound_at=F("created_at"), created_at=timezone.now() - timedelta(hours=1))
    Batch.objects.update(rebound_at=timezone.now() - timedelta(minutes=1))
    rebounds(queue)
    assert Batch.objects.filter(event_count=0).count() == 4


names = st.frozensets(st.sampled_from("abc"), max_size=3)
targets = st.builds(
    Targets,
    tags=names,
    urls=names.map(lambda found: frozenset(f"/{name}/" for name in found)),
    prefixes=names.map(lambda found: frozenset(f"/{name}" for name in found)),
    keys=names.map(lambda found: frozenset(map(CacheKey, found))),
    everything=st.booleans(),
)
purges = st.builds(
    Purge,
    created_at=st.integers(-5, 5).map(lambda s: NOON + timedelta(seconds=s)),
    tiers=st.just(""),
    mode=st.sampled_from(Mode.values),
    targets=targets,
)


@given(own=purges, later=st.lists(purges, max_size=3))
def test_nothing_is_left_out_that_no_later_batch_purged(own: Purge, later: list[Purge]) -> None:
    left = remaining(own, NOON, later)
    soft = {Mode.INVALIDATE} - {own.mode}
    done = [other.targets for other in later if other.created_at >= NOON and other.mode not in soft]
    for tag in own.targets.tags - left.tags:
        assert any(other.everything or tag in other.tags for other in done)
    for url in own.targets.urls - left.urls:
        assert any(other.everything or url in other.urls for other in done)
    for key in own.targets.keys - left.keys:
        assert any(key in other.keys for other in done)
    if own.targets.everything and not left.everything:
        assert any(other.everything for other in done)
    assert left.tags <= own.targets.tags

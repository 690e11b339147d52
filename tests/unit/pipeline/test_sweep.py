"""The sweep finds what stands still, and leaves alone what doesn't; pruning takes finished rows alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone
from pytest_django import Settings

from invalidation.models import Batch, BatchStatus, Delivery, Event, EventStatus
from invalidation.pipeline.aftercare import prune, rebound, replay, sweep
from invalidation.pipeline.delivery import lease
from invalidation.pipeline.intake import claim
from tests.integration.freshness.conftest import let_pass
from tests.unit.pipeline.chain import LEFT, Chain, Queue, fails
from tests.unit.pipeline.conftest import Dirty, Purge, declared
from tests.unit.pipeline.test_deliver import DOWN

pytestmark = [pytest.mark.databases, pytest.mark.django_db]

NOTHING = {"events": 0, "deliveries": 0, "batches": 0}


def earlier(seconds: float) -> None:
    """Everything happened this much earlier."""
    pause = timedelta(seconds=seconds)
    Event.objects.update(created_at=F("created_at") - pause)
    Batch.objects.update(created_at=F("created_at") - pause)
    values: dict[str, Any] = {
        name: F(name) - pause for name in ("created_at", "available_at", "started_at", "swept_at", "attempted_at")
    }
    Delivery.objects.update(**values)


def swept() -> dict[str, int]:
    return {kind: number for kind, number in sweep.sweep("default").items() if kind in NOTHING}


def test_a_fresh_event_is_left_to_its_announcement(dirty: Dirty, queue: Queue) -> None:
    dirty()
    assert swept() == NOTHING
    earlier(6)
    assert swept() == NOTHING | {"events": 1}
    assert queue.drains == 1


def test_a_lost_announcement_of_a_delivery_is_made_again_but_not_over_and_over(purge: Purge, queue: Queue) -> None:
    purge()
    queue.deliveries.clear()
    assert swept() == NOTHING
    earlier(6)
    assert swept()["batches"] == 1
    assert len(queue.deliveries) == 1
    assert swept() == NOTHING
    queue.deliveries.clear()
    earlier(20)
    assert swept()["batches"] == 1
    queue.run()
    assert Event.objects.get().status == EventStatus.DONE


def test_a_batch_whose_inner_tier_is_being_purged_is_left_alone(purge: Purge, queue: Queue) -> None:
    purge()
    lease.take("default", queue.deliveries.pop())
    earlier(6)
    swept()
    assert queue.deliveries == []


def test_a_wait_that_ended_is_announced(purge: Purge, queue: Queue) -> None:
    Chain.nodes[LEFT].trouble = fails(DOWN)
    purge()
    queue.run()
    assert swept()["deliveries"] == 0
    earlier(1000)
    assert swept()["deliveries"] == 1
    assert len(queue.deliveries) == 1


def test_the_lease_of_a_dead_worker_ends(purge: Purge, queue: Queue) -> None:
    purge()
    lease.take("default", queue.deliveries.pop())
    earlier(50)
    assert swept()["deliveries"] == 0
    earlier(20)
    assert swept()["deliveries"] == 1


def test_a_batch_without_deliveries_settles(queue: Queue, dirty: Dirty) -> None:
    event = dirty(keys=["a"])
    batch = Batch.objects.create(targets={}, event_count=1)
    Event.objects.update(batch=batch, status=EventStatus.CLAIMED)
    earlier(6)
    assert swept()["batches"] == 1
    event.refresh_from_db()
    assert event.status == EventStatus.DONE


def test_a_batch_whose_drain_died_before_the_stamp_is_stamped_first(queue: Queue, dirty: Dirty) -> None:
    dirty()
    claimed = claim.claim("default")
    assert claimed is not None
    batch = claimed.batch
    earlier(6)
    swept()
    batch.refresh_from_db()
    assert batch.sequence is not None
    queue.run()
    assert Event.objects.get().status == EventStatus.DONE


def test_pruning_deletes_finished_rows_alone(purge: Purge, queue: Queue, dirty: Dirty) -> None:
    purge("/done/")
    queue.run()
    Chain.nodes[LEFT].trouble = fails(DOWN)
    purge("/waiting/")
    queue.run()
    dirty("/pending/")
    long_ago = timezone.now() - timedelta(days=100)
    Event.objects.update(created_at=long_ago)
    Event.objects.exclude(completed_at=None).update(completed_at=long_ago)
    Batch.objects.exclude(completed_at=None).update(completed_at=long_ago, rebounded_at=long_ago)
    removed = prune.prune()
    assert (removed["events"], removed["batches"]) == (1, 1)
    assert set(Event.objects.values_list("status", flat=True)) == {EventStatus.CLAIMED, EventStatus.PENDING}
    assert set(Batch.objects.values_list("status", flat=True)) == {BatchStatus.RUNNING}
    assert Delivery.objects.count() == 4


def test_pruning_everything_spares_what_is_owed_a_second_purge(purge: Purge, queue: Queue, settings: Settings) -> None:
    settings.INVALIDATION = declared(LONGEST_RENDER_SECONDS=10)
    purge("/a/")
    queue.run()
    assert prune.prune(0) == {"events": 0, "batches": 0}
    let_pass(timedelta(seconds=11))
    rebound.rebound("default")
    assert prune.prune(0) == {"events": 0, "batches": 0}
    queue.run()
    assert prune.prune(0) == {"events": 1, "batches": 2}


def test_replaying_thousands_leaves_most_to_the_sweep(queue: Queue, db: None) -> None:
    batches = Batch.objects.bulk_create([Batch(status=BatchStatus.DEAD) for _ in range(700)])
    Delivery.objects.bulk_create([Delivery(batch=batch, tier="inner", node=LEFT, status="dead") for batch in batches])
    assert replay.replay_all("default", actor="ada") == 700
    assert set(Delivery.objects.values_list("status", "replayed_by")) == {("pending", "ada")}
    assert set(Batch.objects.values_list("status", flat=True)) == {BatchStatus.RUNNING}

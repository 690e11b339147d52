"""What Flower shows (O2): SUCCESS for proof alone, and no task of housekeeping that finds nothing to do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import redis
from celery import Celery, signals, states
from celery.contrib.testing.worker import start_worker
from django.utils import timezone

import invalidation
from deploy.local import Redis, wait_for
from invalidation.contrib.celery import configure, quiet, tasks
from invalidation.contrib.celery.consuming import inline
from invalidation.exceptions import RejectedError, Throttled, TransientError
from invalidation.models import Batch, BatchStatus, Delivery, DeliveryStatus, ScheduledEvent
from invalidation.pipeline.intake import drain
from tests.unit.pipeline.chain import LEFT, RIGHT, Chain, Queue, fails
from tests.unit.pipeline.conftest import Dirty, Purge

pytestmark = [pytest.mark.django_db(transaction=True)]
FAILURES = [(RejectedError("No such zone"), states.FAILURE), (TransientError("Refused"), states.FAILURE)]
OUTCOMES = [*FAILURES, (Throttled("Later", retry_after_seconds=60), states.RETRY)]


def shown(row: Delivery) -> tuple[str, str]:
    """State and words of the task that delivers it."""
    ended = tasks.deliver.apply(
        kwargs={"database": "default", "delivery": row.pk, "tier": row.tier, "node": row.node, "lane": "editorial"}
    )
    return ended.state, str(ended.result)


def left(purge: Purge) -> Delivery:
    purge("/a/")
    return Delivery.objects.get(node=LEFT)


@pytest.mark.parametrize(("error", "state"), OUTCOMES, ids=lambda value: getattr(value, "__class__", value).__name__)
def test_a_delivery_without_proof_is_no_success_and_says_why(purge: Purge, error: Exception, state: str) -> None:
    Chain.nodes[LEFT].trouble = fails(error)
    now, words = shown(left(purge))
    assert now == state
    assert str(error) in words
    assert LEFT in words


def test_a_delivery_that_proved_its_purge_is_a_success(purge: Purge) -> None:
    now, words = shown(left(purge))
    assert (now, "purged" in words) == (states.SUCCESS, True)


@pytest.mark.parametrize(("error", "state"), FAILURES, ids=["rejected", "failed"])
def test_a_drain_that_purges_in_vain_is_no_success(
    dirty: Dirty, queue: Queue, monkeypatch: pytest.MonkeyPatch, error: Exception, state: str
) -> None:
    monkeypatch.setattr(inline, "own_tiers", lambda: ["application", "inner", "edge"])
    Chain.nodes[RIGHT].trouble = fails(error)
    dirty("/a/")
    ended = tasks.drain.apply(kwargs={"database": "default"})
    assert ended.state == state
    assert str(error) in str(ended.result)
    assert "1 events in 1 batches" in str(ended.result)


@pytest.fixture
def failed() -> Iterator[list[str]]:
    """Names of the tasks that have failed in this process."""
    names: list[str] = []

    def note(sender: Any, **_: Any) -> None:
        names.append(sender.name)

    signals.task_failure.connect(note)
    yield names
    signals.task_failure.disconnect(note)


def test_a_real_worker_acknowledges_what_failed(redis_server: Redis, failed: list[str]) -> None:
    Chain.nodes[LEFT].trouble = fails(RejectedError("No such zone"))
    app = Celery(f"flower-{uuid4()}", broker=redis_server.url(8))
    app.conf.update(worker_hijack_root_logger=False, broker_connection_retry_on_startup=True)
    configure(app)
    broker = redis.Redis.from_url(redis_server.url(8))
    with start_worker(app, pool="solo", perform_ping_check=False):
        invalidation.invalidate(urls=["/a/"])
        wait_for(lambda: Batch.objects.filter(status=BatchStatus.DEAD).exists(), 30, "the batch to be dead")
        wait_for(lambda: failed and not broker.hlen("unacked"), 30, "the messages to be acknowledged")
    assert Delivery.objects.get(node=LEFT).status == DeliveryStatus.REJECTED
    assert Delivery.objects.get(node=RIGHT).status == DeliveryStatus.PURGED


def test_a_drain_names_the_nodes_that_proved_its_purges_once_each(
    dirty: Dirty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inline, "own_tiers", lambda: ["application", "inner", "edge"])
    dirty("/a/")
    dirty("/b/")
    ended = str(tasks.drain.apply(kwargs={"database": "default"}).result)
    assert ended.count(LEFT) == ended.count(RIGHT) == 1
    assert "proved by application" in ended


def test_housekeeping_is_asked_for_where_there_is_work_and_not_before(purge: Purge, queue: Queue) -> None:
    assert not any(quiet.is_due(task, "default") for task in quiet.WORK)
    invalidation.invalidate(urls=["/a/"], at=timezone.now() + timedelta(days=1))
    assert not quiet.is_due("invalidation.fire", "default")
    ScheduledEvent.objects.update(due_at=timezone.now())
    assert quiet.is_due("invalidation.fire", "default")
    purge("/b/")
    queue.run()
    Batch.objects.update(rebound_at=timezone.now(), rebounded_at=None, verified_at=None)
    assert quiet.is_due("invalidation.rebound", "default")
    Batch.objects.update(rebounded_at=timezone.now())
    assert quiet.is_due("invalidation.verify", "default")


def test_a_task_that_would_find_nothing_is_not_sent() -> None:
    assert tasks.rebound.apply_async(kwargs={"database": "default"}) is None


def test_what_the_drain_reports_is_bounded(dirty: Dirty) -> None:
    drained = drain.Drained([])
    drained.end([Delivery(status=DeliveryStatus.DEAD)] * (drain.MAX_NAMED + 5))
    drained.end([Delivery(status=DeliveryStatus.PURGED)])
    assert len(drained.unproved) == drain.MAX_NAMED

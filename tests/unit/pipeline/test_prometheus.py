"""What Prometheus is told: counted as it happens, or asked of the database and Redis when it asks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client import REGISTRY
from pytest_django import Settings

import invalidation
from deploy.local import Redis
from invalidation.exceptions import RejectedError
from invalidation.freshness.clients import client
from invalidation.freshness.degraded import Reason, pending
from invalidation.models import Batch, Verification
from invalidation.pipeline.intake import drain
from invalidation.signals import verified
from tests.unit.pipeline.chain import EDGE, LEFT, Chain, Queue, fails
from tests.unit.pipeline.conftest import Dirty, declared

pytestmark = [pytest.mark.databases, pytest.mark.django_db(transaction=True)]
Grown = Callable[..., Callable[[], float]]


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"invalidation_{name}", labels) or 0.0


@pytest.fixture
def grown() -> Grown:
    """By how much a counter has grown since."""

    def since(name: str, **labels: str) -> Callable[[], float]:
        before = value(name, **labels)
        return lambda: value(name, **labels) - before

    return since


def test_an_event_is_counted_once_by_lane_and_source_however_often_it_is_announced(grown: Grown) -> None:
    stored = grown("events_total", lane="takedown", source="code")
    invalidation.invalidate(tags=["a"], lane="takedown")
    drain.announce_rest("default")
    assert stored() == 1


def test_a_batch_tells_how_much_merged_and_how_long_each_tier_took(queue: Queue, dirty: Dirty, grown: Grown) -> None:
    merged, batches = (
        grown("merged_events_total", lane="editorial"),
        grown("batches_total", lane="editorial", status="done"),
    )
    took = grown("commit_to_purged_seconds_count", tier="edge")
    calls = grown("calls_total", tier="edge", node=EDGE, outcome="purged")
    oldest, _ = dirty("/a/"), dirty("/b/")
    drain.drain()
    queue.run()
    assert (merged(), batches(), took(), calls()) == (2, 1, 1, 1)
    assert Batch.objects.get().recorded_at == oldest.created_at


def test_what_waits_and_what_failed_is_asked_of_the_database(queue: Queue, dirty: Dirty) -> None:
    Chain.nodes[LEFT].trouble = fails(RejectedError("No such zone"))
    dirty("/a/")
    drain.drain()
    queue.run()
    assert value("dead_letters", tier="inner") == 1
    dirty("/b/")
    dirty("/c/", lane="bulk")
    assert (value("pending_events", lane="editorial"), value("pending_events", lane="bulk")) == (1, 1)
    assert value("oldest_pending_seconds", lane="bulk") > 0
    assert value("oldest_pending_seconds", lane="takedown") == 0


def test_a_stale_page_is_counted_by_tier_and_one_that_could_not_be_asked_for_is_not(grown: Grown) -> None:
    asked, stale = grown("verified_total", tier="edge"), grown("stale_total", tier="edge")
    batch = Batch.objects.create(sequence=1)
    rows = [
        Verification(batch=batch, tier="edge", url="/", stale=True, checked_at=timezone.now()),
        Verification(batch=batch, tier="edge", url="/", error="refused"),
    ]
    verified.send(None, database="default", verifications=rows)
    assert (asked(), stale()) == (1, 1)


def test_redis_tells_of_shortened_pages_and_open_breakers(
    settings: Settings, redis_server: Redis, grown: Grown
) -> None:
    settings.INVALIDATION = declared(REDIS_URL=redis_server.url(5))
    shortened = grown("degraded_total", reason="room")
    pending.note(Reason.ROOM)
    pending.flush(client())
    assert shortened() == 1
    assert value("breaker_open", tier="edge", node=EDGE) == 0
    assert value("up", part="redis") == 1


def test_a_redis_that_is_away_takes_nothing_else_with_it(settings: Settings, dirty: Dirty) -> None:
    settings.INVALIDATION = declared(REDIS_URL="redis://127.0.0.1:1/0")
    dirty("/a/")
    assert (value("up", part="redis"), value("up", part="database")) == (0, 1)
    assert value("pending_events", lane="editorial") == 1


def test_a_site_without_redis_is_not_told_that_it_is_away(db: None) -> None:
    assert REGISTRY.get_sample_value("invalidation_up", {"part": "redis"}) is None
    assert value("up", part="database") == 1


def test_an_event_loop_may_ask_too(dirty: Dirty) -> None:
    dirty("/a/")

    async def ask() -> float:
        return value("pending_events", lane="editorial")

    assert asyncio.run(ask()) == 1


def test_no_label_names_a_page_or_a_tag(queue: Queue, dirty: Dirty) -> None:
    dirty("/a-page-of-its-own/", tags=["a-tag-of-its-own"])
    drain.drain()
    queue.run()
    told = Client().get("/metrics", REMOTE_ADDR="127.0.0.1").content.decode()
    assert "invalidation_commit_to_purged_seconds_bucket" in told
    assert "of-its-own" not in told

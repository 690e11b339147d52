"""Breakers and quotas on a real Redis, shared by all workers, open to all when Redis is away."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from deploy.local import Redis, wait_for
from invalidation.exceptions import RejectedError, Throttled, TransientError, Unproven
from invalidation.freshness import token_bucket
from invalidation.freshness.clients import client
from invalidation.freshness.token_bucket import Draw
from invalidation.models import Delivery
from invalidation.pipeline.delivery import deliver, quota
from invalidation.pipeline.delivery.breaker import BreakerOpen, breakers, guarded
from invalidation.pipeline.planning.plan import Step
from invalidation.providers.base import Rate
from invalidation.providers.registry import provider
from tests.unit.pipeline.chain import EDGE, Chain, Queue, fails
from tests.unit.pipeline.conftest import Purge, declared

DOWN = TransientError("Connection refused")


@pytest.fixture
def limits(own_redis: Redis, settings: Settings) -> Redis:
    settings.INVALIDATION = with_breaker(own_redis, reset_seconds=600)
    return own_redis


def with_breaker(server: Redis, reset_seconds: float) -> dict[str, Any]:
    """Settings whose breakers open at the third failure; a `reset_seconds` of 0 is the time after the wait."""
    return declared(
        REDIS_URL=server.url(), BREAKER_FAILURES=3, BREAKER_RESET_SECONDS=reset_seconds, BACKOFF_BASE_SECONDS=0.01
    )


def fail(error: Exception = DOWN) -> None:
    """One call that fails."""
    with pytest.raises(type(error)):
        guarded("edge", EDGE, fails(error))


def test_a_breaker_opens_after_failures_in_a_row_and_closes_after_a_success(limits: Redis, settings: Settings) -> None:
    fail()
    assert guarded("edge", EDGE, lambda: "fine") == "fine"
    for _ in range(3):
        fail()
    assert breakers() == {
        "application": "closed",
        "inner http://left": "closed",
        "inner http://right": "closed",
        f"edge {EDGE}": "open",
    }
    with pytest.raises(BreakerOpen) as caught:
        guarded("edge", EDGE, lambda: "not called")
    assert 500 < (caught.value.retry_after_seconds or 0) <= 720
    assert guarded("inner", EDGE, lambda: "another node") == "another node"
    settings.INVALIDATION = with_breaker(limits, reset_seconds=0)
    assert guarded("edge", EDGE, lambda: "fine") == "fine"
    assert set(breakers().values()) == {"closed"}


@pytest.mark.usefixtures("limits")
@pytest.mark.parametrize("error", [RejectedError("403"), Throttled("429"), Unproven("no marker"), ZeroDivisionError()])
def test_a_node_that_answers_is_not_left_alone(error: Exception) -> None:
    for _ in range(5):
        fail(error)
    assert breakers()[f"edge {EDGE}"] == "closed"


def test_without_redis_a_breaker_is_the_process_own(settings: Settings) -> None:
    settings.INVALIDATION = declared(BREAKER_FAILURES=2)
    fail()
    fail()
    assert breakers()[f"edge {EDGE}"] == "open"


def test_a_redis_that_is_stopped_or_frozen_lets_every_call_through(limits: Redis) -> None:
    for _ in range(3):
        fail()
    Chain.quotas = (Rate("zone", 0.001, 1, per_call={"purge_urls": 1}),)
    limits.freeze()
    started = time.monotonic()
    assert guarded("edge", EDGE, lambda: "fine") == "fine"
    fail()
    quota.spend(provider("edge", EDGE), Step("purge_urls", ("/a/",)))
    assert set(breakers().values()) == {"unknown"}
    assert time.monotonic() - started < 5
    limits.thaw()
    limits.stop()
    assert guarded("edge", EDGE, lambda: "fine") == "fine"
    quota.spend(provider("edge", EDGE), Step("purge_urls", ("/a/",)))
    quota.spend(provider("edge", EDGE), Step("purge_urls", ("/a/",)))


def take(tokens: float, name: str = "zone", per_second: float = 5, burst: float = 10) -> float:
    server = client()
    assert server is not None
    return token_bucket.take(server, [Draw(name, per_second, burst, tokens)])


@pytest.mark.usefixtures("limits")
def test_a_bucket_gives_its_burst_and_then_tells_how_long_to_wait() -> None:
    assert take(10, per_second=0.05) == 0
    assert 30 < take(2, per_second=0.05) <= 40
    assert take(2, name="another zone") == 0
    assert take(10, name="fast zone") == 0
    wait_for(lambda: take(1, name="fast zone") == 0, 2, "a token")


@pytest.mark.usefixtures("limits")
def test_a_call_dearer_than_the_burst_waits_for_a_full_bucket_and_leaves_a_debt() -> None:
    assert take(25, per_second=0.05) == 0
    assert 450 < take(10, per_second=0.05) <= 500


@pytest.mark.usefixtures("limits")
def test_a_call_takes_from_all_its_buckets_or_from_none() -> None:
    server = client()
    assert server is not None
    draws = [Draw("calls", 0.01, 10, 1), Draw("items", 0.01, 10, 10)]
    assert token_bucket.take(server, draws) == 0
    assert token_bucket.take(server, draws) > 900
    assert take(9, name="calls", per_second=0.01) == 0


@pytest.mark.usefixtures("limits")
def test_a_pause_lets_nothing_through_is_never_shortened_and_ends_with_the_call_that_was_refused() -> None:
    server = client()
    assert server is not None
    draws, soon = [Draw("zone", 0.001, 10, 2)], [Draw("soon", 0.001, 10, 2)]
    for paused, longer, shorter in ((draws, 50, 10), (soon, 0.5, 0.1)):
        assert token_bucket.take(server, paused) == 0
        token_bucket.pause(server, paused, longer)
        token_bucket.pause(server, paused, shorter)
    assert 30 < take(1, per_second=0.001) <= 50
    assert take(1, name="another zone") == 0
    wait_for(lambda: take(2, name="soon", per_second=0.001) == 0, 2, "the end of the pause")
    assert take(1, name="soon", per_second=0.001) > 900


@pytest.mark.usefixtures("limits")
def test_workers_that_draw_at_once_never_exceed_the_quota() -> None:
    given: list[float] = []
    threads = [
        threading.Thread(target=lambda: given.extend(take(1, per_second=0.01, burst=20) for _ in range(20)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert given.count(0) == 20


@pytest.mark.databases
@pytest.mark.django_db
def test_an_open_breaker_defers_without_consuming_attempts(
    purge: Purge, queue: Queue, limits: Redis, settings: Settings
) -> None:
    Chain.nodes[EDGE].trouble = fails(DOWN)
    for _ in range(3):
        fail()
    purge()
    queue.run()
    edge = Delivery.objects.get(node=EDGE)
    assert (edge.status, edge.attempts, edge.error) == (
        "deferred",
        0,
        "Left alone: 3 calls in a row failed. The last: Connection refused",
    )
    assert not Chain.nodes[EDGE].calls
    assert queue.waits[-1] > 500
    Chain.nodes[EDGE].trouble = None
    settings.INVALIDATION = with_breaker(limits, reset_seconds=0)
    Delivery.objects.filter(pk=edge.pk).update(available_at=timezone.now())
    assert deliver.deliver("default", edge.pk) is not None
    edge.refresh_from_db()
    assert (edge.status, edge.attempts) == ("purged", 1)


@pytest.mark.databases
@pytest.mark.django_db
@pytest.mark.usefixtures("limits")
def test_a_used_up_quota_defers_and_goes_on_where_it_stopped(purge: Purge, queue: Queue) -> None:
    purge("/a/", "/b/", "/c/")
    queue.run()
    Delivery.objects.all().delete()
    Chain.nodes[EDGE].calls.clear()
    Chain.quotas = (Rate("zone", 0.5, 2, per_item={"purge_urls": 1}),)
    batch = purge("/a/", "/b/", "/c/")
    Delivery.objects.filter(batch=batch).exclude(node=EDGE).delete()
    edge = Delivery.objects.get(node=EDGE)
    deliver.deliver("default", edge.pk)
    edge.refresh_from_db()
    assert (edge.status, edge.calls, edge.attempts, len(edge.steps or [])) == ("deferred", 1, 0, 1)
    wait_for(lambda: deliver.deliver("default", edge.pk), 10, "the delivery to be due")
    edge.refresh_from_db()
    assert (edge.status, edge.calls, len(Chain.nodes[EDGE].calls)) == ("purged", 2, 2)


def test_what_is_left_of_a_quota_is_told_without_taking_any(limits: Redis) -> None:
    Chain.quotas = (Rate("zone", 0.001, 10, per_call={"purge_urls": 3}),)
    edge = provider("edge", EDGE)
    [(full, paused_seconds)] = quota.left([edge]).values()
    assert paused_seconds == 0
    quota.spend(edge, Step("purge_urls", ("/a/",)))
    [(after, _)] = quota.left([edge, edge]).values()
    assert full - after == pytest.approx(3, abs=0.1)
    with pytest.raises(Throttled), quota.heeding(edge, Step("purge_urls", ("/a/",))):
        raise Throttled("pause", retry_after_seconds=30)
    [(_, paused_seconds)] = quota.left([edge]).values()
    assert 20 < paused_seconds <= 30
    limits.stop()
    assert quota.left([edge]) == {}


def test_without_redis_who_is_put_off_is_told_why_as_well(settings: Settings) -> None:
    settings.INVALIDATION = declared(BREAKER_FAILURES=1)
    fail()
    with pytest.raises(BreakerOpen, match="The last: Connection refused"):
        guarded("edge", EDGE, lambda: "not called")

"""Real workers over a real Redis: what reaches them, and what happens when they die."""

from __future__ import annotations

import json

import pytest
import redis
from pytest_celery import CeleryTestSetup

from deploy.local.processes import wait_for
from tests.integration.workers.nodes import LocalRedis, LocalWorker
from tests.integration.workers.site import Site

pytestmark = pytest.mark.takes(40)


def test_a_purge_is_announced_merged_delivered_and_proven(
    celery_setup: CeleryTestSetup, site: Site, default_redis_broker: LocalRedis
) -> None:
    cache = redis.Redis.from_url(default_redis_broker.url.removesuffix("/0") + "/2")
    cache.set("blog:1:greeting", "old")
    document = site.purge("--key", "greeting", wait_seconds=20)
    assert document["status"] == "done"
    assert [(row["tier"], row["status"], row["removed"]) for row in document["deliveries"]] == [("cache", "purged", 1)]
    assert cache.get("blog:1:greeting") is None
    celery_setup.worker.assert_log_exists("invalidation.drain")
    celery_setup.worker.assert_log_exists("1 events in 1 batches [1]; greeting")


def test_an_event_recorded_while_no_worker_lives_is_delivered_by_the_next_one(
    celery_setup: CeleryTestSetup, site: Site, default_worker_container: LocalWorker
) -> None:
    default_worker_container.kill()
    waiting = site.purge("--key", "greeting", wait_seconds=0)
    assert waiting["status"] == "pending"
    default_worker_container.restart()

    def status() -> str:
        return str(json.loads(site.manage("invalidation_status", waiting["id"], "--format", "json").stdout)["status"])

    assert wait_for(lambda: status() == "done", 30, "the event to be delivered")


def test_a_queue_that_lost_everything_loses_no_event(
    celery_setup: CeleryTestSetup, site: Site, default_worker_container: LocalWorker, default_redis_broker: LocalRedis
) -> None:
    default_worker_container.kill()
    waiting = site.purge("--key", "greeting", wait_seconds=0)
    redis.Redis.from_url(default_redis_broker.url).flushall()
    default_worker_container.restart()

    def status() -> str:
        return str(json.loads(site.manage("invalidation_status", waiting["id"], "--format", "json").stdout)["status"])

    assert wait_for(lambda: status() == "done", 30, "the sweep to find the event")


def test_the_wire_carries_json_and_nothing_else(
    celery_setup: CeleryTestSetup, site: Site, default_worker_container: LocalWorker, default_redis_broker: LocalRedis
) -> None:
    default_worker_container.kill()
    site.purge("--key", "greeting", wait_seconds=0)
    broker = redis.Redis.from_url(default_redis_broker.url)
    messages = [one for queue in broker.scan_iter("invalidation.events*") for one in broker.lrange(queue, 0, -1)]
    assert messages
    assert {json.loads(message)["content-type"] for message in messages} == {"application/json"}

"""Valkey in Redis' place, as broker, for the sequence and the index, and for cached values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from pytest_celery import CeleryTestSetup

from deploy.local import Valkey
from tests.integration.workers.nodes import LocalRedis
from tests.integration.workers.site import Site
from tests.integration.workers.test_priority import (
    test_a_takedown_overtakes_what_already_waits_in_the_broker as test_a_takedown_overtakes_on_valkey,
)

__all__ = ["test_a_takedown_overtakes_on_valkey"]


@pytest.fixture
def default_redis_broker(tmp_path: Path) -> Iterator[LocalRedis]:
    """A Valkey of this test's own."""
    node = LocalRedis(Valkey(tmp_path))
    yield node
    node.teardown()


def test_a_purge_is_announced_delivered_and_proven(
    celery_setup: CeleryTestSetup, site: Site, default_redis_broker: LocalRedis
) -> None:
    valkey = redis.Redis.from_url(default_redis_broker.url.removesuffix("/0") + "/2")
    assert valkey.info("server")["server_name"] == "valkey"
    valkey.set("blog:1:greeting", "old")
    assert site.purge("--key", "greeting", wait_seconds=20)["status"] == "done"
    assert valkey.get("blog:1:greeting") is None


def test_the_doctor_finds_nothing_wrong_with_it(celery_setup: CeleryTestSetup, site: Site) -> None:
    told = json.loads(site.manage("invalidation_doctor", "--format", "json", check=False).stdout)
    found = {finding["code"] for finding in told["findings"]}
    assert [code for code in found if "redis" in code or "broker" in code] == []

"""How often somebody may ask: by token, by address, through Redis, and what holds while that is away."""

from __future__ import annotations

import time
from typing import Any

import pytest
import redis
from django.core.exceptions import ImproperlyConfigured
from django.test import RequestFactory

from deploy.local import Redis
from invalidation.contrib.ninja.asking import limits
from invalidation.contrib.ninja.conf import settings as api_settings
from invalidation.contrib.ninja.secrets import mint
from invalidation.freshness.redis_pause import redis_pause
from tests.fixtures.stores import FRESHNESS
from tests.unit.api.conftest import As, Caller, problem


@pytest.fixture
def counted(freshness: None, settings: Any, redis_server: Redis) -> redis.Redis:
    """A Redis that counts; three requests a minute for a token, five for an address."""
    settings.INVALIDATION = {**settings.INVALIDATION, "REDIS_URL": redis_server.url(FRESHNESS)}
    settings.INVALIDATION_API = {"REQUESTS_PER_MINUTE": 3, "ADDRESS_REQUESTS_PER_MINUTE": 5}
    return redis.Redis.from_url(redis_server.url(FRESHNESS))


def test_a_token_that_asks_too_often_is_told_when_to_come_back(caller: As, counted: redis.Redis) -> None:
    asker = caller()
    assert [asker.get("purges").status_code for _ in range(3)] == [200] * 3
    refused = asker.get("purges")
    assert problem(refused, 429)["fix"].startswith("Ask again in")
    assert 1 <= int(refused.headers["Retry-After"]) <= 20


def test_several_tokens_of_one_address_share_its_limit(caller: As, counted: redis.Redis) -> None:
    first, second = caller("first"), caller("second")
    answers = [asker.get("purges").status_code for asker in (first, second) * 3]
    assert answers == [200] * 5 + [429]


def test_who_has_no_token_spends_of_his_address_alone(caller: As, counted: redis.Redis) -> None:
    asker = caller()
    for _ in range(5):
        problem(Caller(f"inv_{mint().identifier}_{'x' * 43}").get("purges"), 401)
    problem(Caller().get("purges"), 429)
    elsewhere = asker.client.get("/api/invalidation/purges", headers=asker.headers({}), REMOTE_ADDR="192.0.2.7")
    assert elsewhere.status_code == 200


def test_a_request_asks_redis_once(caller: As, counted: redis.Redis) -> None:
    asker = caller()
    asker.get("purges")
    before = counted.info("stats")["total_commands_processed"], counted.info("commandstats")["cmdstat_eval"]["calls"]
    asker.get("purges")
    assert counted.info("commandstats")["cmdstat_eval"]["calls"] - before[1] == 1


def test_the_buckets_expire_and_name_no_secret(caller: As, counted: redis.Redis) -> None:
    asker = caller()
    asker.get("purges")
    keys = [key.decode() for key in counted.scan_iter("invalidation:bucket:api-*")]
    assert len(keys) == 2
    assert all(0 < counted.ttl(key) <= 61 for key in keys)
    assert not [key for key in keys if asker.text in key]


def test_while_redis_is_away_purges_go_on_and_cost_a_bounded_time_once(caller: As, settings: Any) -> None:
    settings.INVALIDATION = {**settings.INVALIDATION, "REDIS_URL": "redis://127.0.0.1:1/0"}
    settings.INVALIDATION_API = {"REQUESTS_PER_MINUTE": 1}
    asker = caller()
    try:
        assert [asker.get("purges").status_code for _ in range(5)] == [200] * 5
        problem(Caller("inv_x").get("purges"), 401)
    finally:
        redis_pause.over()


def test_a_frozen_redis_costs_its_timeouts_once(caller: As, own_redis: Redis, settings: Any) -> None:
    settings.INVALIDATION = {**settings.INVALIDATION, "REDIS_URL": own_redis.url(0)}
    asker = caller()
    asker.get("purges")
    own_redis.freeze()
    try:
        began = time.monotonic()
        assert asker.get("purges").status_code == 200
        first = time.monotonic() - began
        assert [asker.get("purges").status_code for _ in range(5)] == [200] * 5
        assert first < 5
        assert time.monotonic() - began < 8
    finally:
        own_redis.thaw()
        redis_pause.over()


@pytest.mark.parametrize(
    ("proxies", "forwarded", "connected", "address"),
    [
        (0, "203.0.113.9", "192.0.2.1", "192.0.2.1"),
        (1, "203.0.113.9", "192.0.2.1", "203.0.113.9"),
        (1, "198.51.100.1, 203.0.113.9", "192.0.2.1", "203.0.113.9"),
        (2, "198.51.100.1, 203.0.113.9, 10.0.0.2", "192.0.2.1", "203.0.113.9"),
        (2, "203.0.113.9", "192.0.2.1", "192.0.2.1"),
        (1, "garbage", "192.0.2.1", "192.0.2.1"),
        (1, "", "192.0.2.1", "192.0.2.1"),
        (0, "", "2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        (0, "", "::ffff:192.0.2.1", "192.0.2.1"),
        (0, "", "", "unknown"),
    ],
)
def test_an_address_is_what_our_own_proxies_say(
    settings: Any, proxies: int, forwarded: str, connected: str, address: str
) -> None:
    settings.INVALIDATION_API = {"PROXIES": proxies}
    request = RequestFactory().get("/", headers={"X-Forwarded-For": forwarded}, REMOTE_ADDR=connected)
    assert limits.address(request) == address


@pytest.mark.parametrize(
    "declared",
    [[], {"REQUESTS": 1}, {"PROXIES": "1"}, {"PROXIES": True}, {"ANSWERS_HOURS": -1}, {"ANSWERS_HOURS": float("nan")}],
)
def test_a_setting_that_can_not_be_used_is_named(settings: Any, declared: Any) -> None:
    settings.INVALIDATION_API = declared
    with pytest.raises(ImproperlyConfigured, match="INVALIDATION_API"):
        api_settings()
    settings.INVALIDATION_API = {}

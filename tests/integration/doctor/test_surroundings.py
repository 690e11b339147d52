"""Redis and clocks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from pytest_django import Settings

from deploy.local import Redis
from invalidation import doctor
from invalidation.doctor import Fault, environment, probes
from invalidation.freshness.sequence import SEQUENCE_KEY


@pytest.fixture
def server(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Redis]:
    """The Redis of the sequence, this test's own."""
    monkeypatch.setattr(probes, "_probes", {})
    with Redis(tmp_path) as running:
        settings.INVALIDATION = {"TIERS": {}, "REDIS_URL": running.url(1)}
        yield running


def found() -> list[tuple[Fault, str]]:
    return [(finding.fault, finding.detail) for finding in doctor.examine().findings]


def test_a_redis_that_keeps_everything_is_sound(server: Redis) -> None:
    assert found() == []


def test_a_redis_that_may_evict_is_named(server: Redis) -> None:
    client = redis.Redis.from_url(server.url())
    client.config_set("maxmemory", "100mb")
    client.config_set("maxmemory-policy", "allkeys-lru")
    assert found() == [(Fault.REDIS_EVICTS, "Its maxmemory-policy is allkeys-lru.")]


def test_a_redis_that_is_away_is_named(server: Redis) -> None:
    server.kill()
    assert [fault for fault, _ in found()] == [Fault.REDIS_AWAY]


def test_a_frozen_redis_is_named_within_seconds(server: Redis) -> None:
    server.freeze()
    started_at = time.monotonic()
    assert [fault for fault, _ in found()] == [Fault.REDIS_AWAY]
    server.thaw()
    assert time.monotonic() - started_at < 10


def test_a_sequence_from_the_future_is_named(server: Redis) -> None:
    an_hour_ahead = int((time.time() + 3600) * 1e6)
    redis.Redis.from_url(server.url(1)).set(SEQUENCE_KEY, an_hour_ahead)
    ((fault, detail),) = found()
    assert fault is Fault.CLOCK
    assert detail.startswith("The sequence is 3")


@pytest.mark.parametrize(
    ("here_at", "words"), [(1000.0, "0.0 s"), (1005.0, "5.0 s ahead of"), (990.0, "10.0 s behind")]
)
def test_a_clock_that_is_off_is_named_with_its_distance(here_at: float, words: str) -> None:
    told = " ".join(finding.detail for finding in environment.clocks(1000.0, here_at, None))
    assert (words in told) == (here_at != 1000.0)


def test_a_report_is_remembered_for_the_admin(server: Redis) -> None:
    assert doctor.remembered() is None
    report = doctor.examine()
    doctor.remember(report)
    assert doctor.remembered() == report.document()


def test_settings_that_can_not_be_used_are_named_and_nothing_else_is_tried(server: Redis, settings: Settings) -> None:
    settings.INVALIDATION = {"TIRES": {}}
    ((fault, detail),) = found()
    assert fault is Fault.SETTINGS
    assert "TIRES" in detail

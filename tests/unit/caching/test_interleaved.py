"""P16, I12: every order of the steps of writer, worker, readers and page, on a real Redis."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from django.core.cache import caches
from pytest_django import Settings

from deploy.local import Redis
from invalidation.caching.values import store
from tests.fixtures.stores import FRESHNESS
from tests.unit.caching.interleaved import READERS, WRITERS, PointedCache, cast_of, faulty


@pytest.fixture
def server(
    settings: Settings, redis_server: Redis, freshness: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[redis.Redis]:
    """The Redis of the sequence; two caches beside it."""
    backend = {"BACKEND": "tests.unit.caching.interleaved.PointedCache", "LOCATION": redis_server.url(8)}
    settings.CACHES = {
        "default": backend | {"KEY_PREFIX": "default"},
        "second": backend | {"KEY_PREFIX": "second"},
    }
    tier = {"PROVIDER": "invalidation.providers.redis.Redis", "OPTIONS": {"CACHES": ["default", "second"]}}
    settings.INVALIDATION = settings.INVALIDATION | {"TIERS": {"cache": tier}}
    # A reader that stands still is not waited for.
    monkeypatch.setattr(store, "PATIENCE_SECONDS", 0.002)
    yield redis.Redis.from_url(redis_server.url(FRESHNESS), decode_responses=True)
    caches["default"].clear()


@pytest.mark.parametrize("filled", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("reader", ["early", "page"])
@pytest.mark.parametrize("writer", WRITERS)
def test_no_order_of_writer_and_reader_leaves_anything_stale(
    server: redis.Redis, writer: str, reader: str, filled: bool
) -> None:
    count, found = faulty(server, cast_of(writer, READERS[reader]), filled=filled)
    assert count >= 21
    assert found == {}


# `python -m tests.unit.caching.trials orders` runs all of them.
@pytest.mark.parametrize("readers", ["early and page", "outer and page"])
@pytest.mark.parametrize("writer", ["lost at commit", "replaced at once"])
def test_readers_within_readers_leave_nothing_stale_in_every_211th_order(
    server: redis.Redis, writer: str, readers: str
) -> None:
    _, found = faulty(server, cast_of(writer, READERS[readers]), filled=readers == "outer and page", every=211)
    assert found == {}


@pytest.mark.parametrize("reader", ["early", "page"])
@pytest.mark.parametrize("writer", ["lost at commit", "replaced at once"])
def test_single_operations_of_a_reader_leave_nothing_stale_in_every_53rd_order(
    server: redis.Redis, writer: str, reader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PointedCache, "is_fine", True)
    _, found = faulty(server, cast_of(writer, {reader: 9}), every=53)
    assert found == {}

"""What a hit of the tagged cache costs, beside a plain get of the same backend."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.cache import cache
from pytest_django import Settings

from deploy.local import Redis
from invalidation.caching import tagged

READS = 3000


def microseconds(read: Callable[[], object]) -> float:
    """Median of one read."""
    samples = []
    for _ in range(READS):
        started = time.perf_counter()
        read()
        samples.append(time.perf_counter() - started)
    return statistics.median(samples) * 1e6


@pytest.mark.benchmark
def test_a_tagged_hit_costs_little_more_than_a_plain_one(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Redis(tmp_path) as server:
        settings.CACHES = {"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": server.url(0)}}
        value = {"title": "x" * 2000}
        cache.set("plain", value)
        tagged.set("tagged", value, tags="a b")
        plain = microseconds(lambda: cache.get("plain"))
        ours = microseconds(lambda: tagged.get_or_set("tagged", dict, tags="a b"))
        with capsys.disabled():
            print(f"\nplain get {plain:.0f} µs, tagged hit with two tags {ours:.0f} µs: {ours / plain:.2f} times")  # noqa: T201
        cache.close()
    assert ours < 5 * plain

"""What a hit costs, of a value and of a row, beside a plain get of the same backend and beside django-cacheops."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from django.core.cache import cache
from django.db import connection
from pytest_django import Settings

from deploy.local import Redis
from invalidation.caching import tagged
from project.blog.models import Post
from tests.benchmarks import subjects
from tests.benchmarks.rival_environment import RivalEnvironment
from tests.benchmarks.sampling import medians

READS = 5000
VALUE = {"title": "x" * 2000}


def ours() -> dict[str, float]:
    """Microseconds of a plain get, of a tagged value, and of a row found by a cached query."""
    cache.set("plain", VALUE)
    return medians(
        {
            "plain": lambda: cache.get("plain"),
            "value": lambda: tagged.get_or_set("tagged", lambda: VALUE, tags="a b"),
            "row": lambda: Post.objects.cached_get(slug="x"),
        },
        READS,
    )


def line(name: str, found: Mapping[str, float]) -> str:
    """Each in microseconds, and as so many plain gets of the same process."""
    parts = [f"{kind} {taken:4.0f} µs ({taken / found['plain']:.2f})" for kind, taken in found.items()]
    return f"{name:12} {'  '.join(parts)}"


@pytest.mark.benchmark
@pytest.mark.django_db
def test_a_tagged_hit_costs_little_more_than_a_plain_one(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Redis(tmp_path) as server:
        settings.CACHES = {"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": server.url(0)}}
        connection.ensure_connection()
        subjects.write_row()
        found = ours()
        rival = RivalEnvironment(tmp_path).asked("reading", "cacheops", server.url(1), READS)
        with capsys.disabled():
            print("\n" + line("ours", found), line("cacheops", rival), sep="\n")  # noqa: T201
        cache.close()
    assert found["value"] < 5 * found["plain"]

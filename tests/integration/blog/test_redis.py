"""A Redis that is away costs a reader little, and an operator one line of log."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from deploy.local.processes import wait_for
from deploy.local.redis import Redis
from invalidation.caching import tagged
from project.blog.queries import summary_key
from project.redis import PAUSE_SECONDS
from project.settings import stores
from tests.integration.blog.conftest import Blog


@pytest.fixture
def redis(tmp_path: Path, settings: Settings) -> Iterator[Redis]:
    """A Redis that holds the site's cache."""
    with Redis(tmp_path) as server:
        settings.CACHES = {"default": stores.cache(server.url(2))}
        yield server
        cache.close()


def seconds_of(client: Client, path: str) -> float:
    """How long the page took; it must be there."""
    started_at = time.monotonic()
    assert b"Night trains" in client.get(path).content
    return time.monotonic() - started_at


def test_a_post_keeps_its_summary_in_redis(client: Client, blog: Blog, redis: Redis) -> None:
    client.get("/blog/night-trains/")
    assert tagged.get(summary_key(blog.published))["title"] == "Night trains"


def test_a_frozen_redis_delays_one_page_and_no_further_one(
    client: Client, blog: Blog, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    client.get("/blog/night-trains/")
    redis.freeze()
    with caplog.at_level(logging.INFO, logger="django_redis.cache"):
        assert seconds_of(client, "/blog/night-trains/") < 5
        assert seconds_of(client, "/blog/night-trains/") < 5
    assert [record.exc_info for record in caplog.records if record.name == "django_redis.cache"] == [None]


def test_redis_is_used_again_soon_after_it_returns(client: Client, blog: Blog, redis: Redis) -> None:
    redis.freeze()
    client.get("/blog/night-trains/")
    redis.thaw()

    def kept() -> object:
        client.get("/blog/night-trains/")
        return tagged.get(summary_key(blog.published))

    wait_for(kept, PAUSE_SECONDS + 3, "a value in Redis")


def test_a_stopped_redis_delays_nothing(client: Client, blog: Blog, redis: Redis) -> None:
    client.get("/blog/night-trains/")
    redis.kill()
    assert seconds_of(client, "/blog/night-trains/") < 5

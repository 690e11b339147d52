"""Read your writes: after its commit the writer's next read of a cached value is new, with no worker running."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches
from django.db import transaction
from django.template import Context, Template
from django_redis import get_redis_connection
from pytest_django import Settings

import invalidation
from deploy.local import Redis
from invalidation.caching import ABSENT, fresh_start, tagged
from invalidation.freshness import sequence
from invalidation.freshness.clients import client
from invalidation.freshness.redis_pause import redis_pause
from invalidation.pipeline.intake import drain
from project.blog.models import Tag
from tests.fixtures.stores import EachApart
from tests.unit.pipeline.chain import Queue

FRAGMENT = Template('{% load invalidation %}{% taggedcache 60 "n" tags="blog.tag" %}{{ tag.name }}{% endtaggedcache %}')
TIER = {"cache": {"PROVIDER": "invalidation.providers.redis.Redis"}}


@pytest.fixture
def tag(transactional_db: None, shared_cache: None, settings: Settings) -> Tag:
    """A row that is shown by a value, a cached row, a count and a fragment."""
    settings.INVALIDATION = settings.INVALIDATION | {"TIERS": TIER}
    row: Tag = Tag.objects.create(name="old", slug="x")
    assert shown() == ["old", "old", 1, "old"]
    return row


def name() -> str:
    return str(Tag.objects.get(slug="x").name)


def shown() -> list[Any]:
    """What a reader sees, as a unit of work of its own."""
    with fresh_start():
        return [
            tagged.get_or_set("name", name, tags="blog.tag"),
            Tag.objects.cached_get(slug="x").name,
            Tag.objects.filter(name__in=["old", "new"]).cached_count(),
            FRAGMENT.render(Context({"tag": Tag.objects.get(slug="x")})),
        ]


def rename(tag: Tag, text: str = "new") -> None:
    tag.name = text
    tag.save()


def test_what_was_saved_is_read_at_once_without_a_worker(tag: Tag) -> None:
    rename(tag)
    assert shown() == ["new", "new", 1, "new"]
    assert shown() == ["new", "new", 1, "new"]
    assert tagged.get("name", tags="blog.tag") == "new"  # and it is kept


def test_what_was_deleted_is_gone_at_once(tag: Tag) -> None:
    tag.delete()
    with pytest.raises(Tag.DoesNotExist):
        Tag.objects.cached_get(slug="x")


def test_a_rollback_leaves_what_was_cached(tag: Tag) -> None:
    with transaction.atomic():
        rename(tag)
        transaction.set_rollback(True)
    assert tagged.get("name", tags="blog.tag") == "old"


def test_a_hook_of_the_user_s_own_that_runs_first_reads_what_was_committed(tag: Tag) -> None:
    seen: list[Any] = []

    def look() -> None:
        seen.append([Tag.objects.cached_get(slug="x").name, tagged.get_or_set("name", name, tags="blog.tag")])

    with transaction.atomic():
        transaction.on_commit(look)
        rename(tag)
        transaction.on_commit(look)
    assert seen == [["new", "new"], ["new", "new"]]


def test_a_value_invalidated_by_hand_is_replaced_at_commit_too(tag: Tag) -> None:
    EachApart().set("hand", "old", tags="by.hand")
    with transaction.atomic():
        invalidation.invalidate(tags=["by.hand"])
        assert redis_value("by.hand") is not None
    assert tagged.get("hand", ABSENT, tags="by.hand") is ABSENT


def redis_value(tag: str) -> Any:
    return caches["default"].get(f"invalidation:tag:{tag}", version=1)


def test_a_commit_costs_one_command_for_every_cache_on_the_server_of_the_sequence(
    tag: Tag, settings: Settings, redis_server: Redis
) -> None:
    backend = {"BACKEND": "django_redis.cache.RedisCache"}
    settings.CACHES = settings.CACHES | {
        "second": backend | {"LOCATION": redis_server.url(7), "KEY_PREFIX": "second"},
    }
    cache = {"PROVIDER": "invalidation.providers.redis.Redis", "OPTIONS": {"CACHES": ["default", "second"]}}
    settings.INVALIDATION = settings.INVALIDATION | {"TIERS": {"cache": cache}}
    second = EachApart("second")
    second.set("key", "old", tags="blog.tag")
    rename(tag, "first")  # connects
    second.set("key", "old", tags="blog.tag")
    server = get_redis_connection("default")
    before = commands(server)
    rename(tag)
    assert [now - then for then, now in zip(before, commands(server), strict=True)] == [0, 1, 0]
    assert second.get("key", ABSENT, tags="blog.tag") is ABSENT
    assert shown()[0] == "new"
    own = client()
    assert own is not None
    assert own.exists(sequence.SEQUENCE_KEY)  # its connection is in its own database still


def commands(server: Any) -> list[int]:
    """Scripts and plain removals so far."""
    found = server.info("commandstats")
    return [found.get(f"cmdstat_{name}", {}).get("calls", 0) for name in ("eval", "evalsha", "del")]


@pytest.fixture(params=["file", "memcached", "redis", "database"])
def elsewhere(request: pytest.FixtureRequest, transactional_db: None, cache_aliases: None, settings: Settings) -> str:
    """A cache that is not beside the sequence, or can't be reached by its connection."""
    if request.param == "database":
        request.getfixturevalue("cache_table")
    tier = {"PROVIDER": "invalidation.providers.redis.Redis", "OPTIONS": {"CACHES": [request.param]}}
    settings.INVALIDATION = settings.INVALIDATION | {"TIERS": {"cache": tier}}
    return str(request.param)


def test_caches_of_every_backend_are_told(elsewhere: str) -> None:
    cache = EachApart(elsewhere)
    cache.set("key", "old", tags="blog.tag")
    Tag.objects.create(name="another", slug="another")
    assert cache.get("key", ABSENT, tags="blog.tag") is ABSENT


@pytest.fixture
def mortal(tag: Tag, settings: Settings, tmp_path: Path) -> Iterator[Redis]:
    """A Redis for the sequence and the values that a test may freeze."""
    with Redis(tmp_path, persistent=True) as server:
        options = {"SOCKET_TIMEOUT": 0.5, "SOCKET_CONNECT_TIMEOUT": 0.5, "IGNORE_EXCEPTIONS": True}
        backend = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": server.url(1), "OPTIONS": options}
        settings.CACHES = settings.CACHES | {"default": backend}
        settings.INVALIDATION = settings.INVALIDATION | {"REDIS_URL": server.url(0), "TIERS": TIER}
        redis_pause.over()
        yield server
        server.thaw()
    redis_pause.over()


def test_a_frozen_redis_costs_a_save_its_bound_once_and_no_save_after_it(tag: Tag, mortal: Redis) -> None:
    rename(tag, "connected")
    mortal.freeze()
    taken = [seconds(partial(rename, tag, text)) for text in ("first", "second", "third")]
    assert taken[0] < 2
    assert max(taken[1:]) < 0.5
    assert Tag.objects.get(slug="x").name == "third"


def test_a_worker_repairs_what_could_not_be_replaced_at_commit(tag: Tag, mortal: Redis, queue: Queue) -> None:
    shown()
    assert tagged.get("name", tags="blog.tag") == "old"
    mortal.kill()
    rename(tag)
    mortal.start()
    redis_pause.over()
    assert tagged.get("name", tags="blog.tag") == "old"
    drain.drain()
    queue.run()
    assert shown() == ["new", "new", 1, "new"]


@pytest.fixture
def queue() -> Iterator[Queue]:
    """What a worker would be handed."""
    waiting = Queue()
    waiting.connect()
    yield waiting
    waiting.disconnect()


def seconds(call: Any) -> float:
    started = time.monotonic()
    call()
    return time.monotonic() - started


@pytest.mark.parametrize("arguments", [["--times", "100"], ["--times", "2", "--away"]], ids=["together", "away"])
def test_what_one_process_commits_another_one_reads_at_once(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "tests.unit.caching.trials", "reads", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"value {arguments[1]}  row {arguments[1]}  count {arguments[1]}  fragment {arguments[1]}" in done.stdout

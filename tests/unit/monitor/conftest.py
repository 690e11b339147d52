"""Aliases of every kind on real servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches
from pytest_django import Settings

from deploy.local import Memcached, Redis, free_port, wait_for
from invalidation.monitor import last_counters

DEAD = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": f"redis://127.0.0.1:{free_port()}/0"}


@pytest.fixture(scope="session")
def replica_server(state_folder: Path, redis_server: Redis) -> Iterator[Redis]:
    with Redis(state_folder, name="monitored-replica", replica_of=redis_server) as server:
        wait_for(lambda: _is_linked(server), 20, "the replica to follow its primary")
        yield server


def _is_linked(server: Redis) -> bool:
    import redis

    with redis.Redis.from_url(server.url()) as client:
        information: Any = client.info("replication")
        return bool(information["master_link_status"] == "up")


@pytest.fixture
def _caches(
    settings: Settings, tmp_path: Path, redis_server: Redis, replica_server: Redis, memcached_server: Memcached
) -> None:
    backends = "django.core.cache.backends"
    settings.CACHES = {
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": [redis_server.url(5), replica_server.url(5)],
        },
        "plain": {"BACKEND": f"{backends}.redis.RedisCache", "LOCATION": redis_server.url(6)},
        "memcached": {
            "BACKEND": f"{backends}.memcached.PyMemcacheCache",
            "LOCATION": memcached_server.address,
        },
        "local": {"BACKEND": f"{backends}.locmem.LocMemCache", "LOCATION": "monitored"},
        "files": {"BACKEND": f"{backends}.filebased.FileBasedCache", "LOCATION": str(tmp_path / "files")},
        "dummy": {"BACKEND": f"{backends}.dummy.DummyCache"},
    }
    settings.INVALIDATION = {"TIERS": {}, "REDIS_URL": redis_server.url(7)}
    last_counters.remember({})
    for name in ("default", "plain"):
        caches[name].clear()
    # Memcached counts what it was told to flush until somebody asks for it.
    caches["memcached"].delete_many(["known", "one"])

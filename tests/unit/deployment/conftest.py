"""A page behind Varnish and Nginx, a cache with generations, and a worker in this process."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from pytest_django import Settings

from deploy.local import Nginx, Redis, Varnish
from invalidation.freshness import generation
from invalidation.pipeline.intake import drain
from invalidation.signals import event_recorded
from tests.fixtures.servers import SECRET
from tests.stand_ins.origin import CACHEABLE, Origin
from tests.unit.pipeline.chain import Queue

PROVIDERS = "invalidation.providers"


def cache(url: str) -> dict[str, Any]:
    return {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": url,
        "KEY_PREFIX": "deployed",
        "KEY_FUNCTION": "invalidation.freshness.generation.cache_key",
        "OPTIONS": {},
        "REVERSE_KEY_FUNCTION": "invalidation.freshness.generation.original_key",
    }


@pytest.fixture(scope="session")
def outer_nginx(state_folder: Path, varnish_server: Varnish) -> Iterator[Nginx]:
    upstream = f"127.0.0.1:{varnish_server.port}"
    with Nginx(state_folder, [upstream], SECRET, name="nginx-over-varnish") as server:
        yield server


@pytest.fixture
def server(redis_server: Redis) -> redis.Redis:
    client = redis.Redis.from_url(redis_server.url(8), decode_responses=True)
    client.flushdb()
    return client


@pytest.fixture
def site(  # noqa: PLR0917 (fixtures come by name)
    settings: Settings,
    server: redis.Redis,
    redis_server: Redis,
    origin: Origin,
    varnish_server: Varnish,
    outer_nginx: Nginx,
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """Its origin; every page says that it was rendered at sequence 1."""
    monkeypatch.setattr(generation, "NOTICE_SECONDS", 0.2)
    monkeypatch.setattr(generation, "READ_SECONDS", 0.05)
    name = f"http://{uuid.uuid4().hex}.test"
    settings.CACHES = {"default": cache(redis_server.url(9))}
    settings.INVALIDATION = {
        "TIERS": {
            "varnish": _tier("varnish.Varnish", varnish_server.url),
            "nginx": _tier("nginx.Nginx", outer_nginx.url, "varnish"),
        },
        "SITES": [name],
        "REDIS_URL": redis_server.url(8),
        "BACKLOG": {"LINGER_MILLISECONDS": 0},
        "DEPLOY": {"CRITICAL_URLS": ["/", "/blog/"], "URLS": ["/", "/blog/"]},
    }
    for path in ("/", "/blog/"):
        origin.pages[path].headers = {**CACHEABLE, "X-Cache-Sequence": "1"}
    return name


def _tier(provider: str, node: str, *fills_from: str) -> dict[str, Any]:
    return {
        "PROVIDER": f"{PROVIDERS}.{provider}",
        "NODES": [node],
        "FILLS_FROM": list(fills_from),
        "OPTIONS": {"SECRET": SECRET},
        "REBOUND_SECONDS": 0,
    }


@pytest.fixture
def worker(transactional_db: None) -> Iterator[Queue]:
    """Purges whatever is recorded, at once; a rebound it leaves in its queue."""
    queue = Queue()

    def work(**_: Any) -> None:
        event_recorded.disconnect(work)
        drain.drain()
        queue.run()
        event_recorded.connect(work)

    queue.connect()
    event_recorded.connect(work)
    yield queue
    event_recorded.disconnect(work)
    queue.disconnect()

"""What goes over the wire, counted by those at its other end: a Redis that reports its commands, caches that log."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis
from celery import Celery
from django.core.cache import caches
from pytest_django import Settings

from deploy.local import Redis, free_port
from invalidation.contrib.celery import configure, host
from invalidation.contrib.celery.announcing import announce
from invalidation.pipeline.delivery.slowness import slowness
from invalidation.pipeline.intake import backpressure, drain
from tests.stand_ins.server import Request, Response, Server

BROKER, FRESHNESS, CACHE = 0, 1, 2
SITE = "http://testserver"
PATIENCE_SECONDS = 30
END = "counted"


class Wire:
    """Commands that clients send to a Redis, by database and name; not those that a script makes by itself."""

    def __init__(self, server: Redis) -> None:
        self._server = server
        self.url = server.url

    @contextmanager
    def counted(self) -> Iterator[Counter[tuple[int, str]]]:
        """What is sent meanwhile; known once the block is left."""
        watching, ending = (redis.Redis.from_url(self._server.url(), decode_responses=True) for _ in range(2))
        ending.ping()  # whose own beginning doesn't count
        found: Counter[tuple[int, str]] = Counter()
        with watching, ending, watching.monitor() as monitor:  # type: ignore[no-untyped-call]
            yield found
            ending.echo(END)
            for command in monitor.listen():
                name, _, rest = str(command["command"]).partition(" ")
                if rest == END:
                    break
                if command["client_type"] != "lua":
                    found[int(command["db"]), name] += 1


class Cache:
    """A cache that says it purged, and keeps what it was asked for."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self._lock = threading.Lock()

    def respond(self, request: Request) -> Response:
        with self._lock:
            self.requests.append(f"{request.method} {request.target}")
        return Response(200, headers={"X-Purged-By": "varnish", "X-Purge-Count": "1"})


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """Of a Redis that nobody else uses."""
    with Redis(tmp_path_factory.mktemp("counted")) as server:
        yield Wire(server)


@pytest.fixture
def proxies() -> Iterator[dict[str, Cache]]:
    """Two inner ones and an outer one, by address."""
    found: dict[str, Cache] = {}
    servers = []
    for _ in range(3):
        cache = Cache()
        server = Server(cache, free_port())
        server.__enter__()
        servers.append(server)
        found[server.url] = cache
    yield found
    for server in servers:
        server.__exit__()


def tier(*nodes: str, fills_from: str) -> dict[str, Any]:
    """Varnish, as far as a stand-in goes."""
    provider = {"PROVIDER": "invalidation.providers.varnish.Varnish", "OPTIONS": {"SECRET": "0" * 24}}
    return {**provider, "NODES": list(nodes), "FILLS_FROM": [fills_from]}


@pytest.fixture(autouse=True)
def _counted_site(wire: Wire, proxies: dict[str, Cache], settings: Settings) -> Iterator[None]:
    """One Redis for everything, an application cache, two inner proxies and an outer one."""
    left, right, edge = proxies
    settings.CACHES = {
        "default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": wire.url(CACHE)},
    }
    settings.INVALIDATION = {
        "TIERS": {
            "application": {"PROVIDER": "invalidation.providers.redis.Redis"},
            "inner": tier(left, right, fills_from="application"),
            "edge": tier(edge, fills_from="inner"),
        },
        "SITES": [SITE],
        "REDIS_URL": wire.url(FRESHNESS),
        "BACKLOG": {"LINGER_MILLISECONDS": 0},
    }
    backpressure.backlogs.counted.clear()
    slowness.forget()
    drain.pace.batches = 0
    caches["default"].clear()
    yield
    caches["default"].clear()


@pytest.fixture
def broker(wire: Wire) -> Iterator[None]:
    """The Redis as the broker of this process, its connection open."""
    kept = list(host._remembered)
    app = Celery("counted", broker=wire.url(BROKER), set_as_current=False)
    host._remembered[:] = []
    configure(app)
    announce.announce_events(database="default", uids=["00000000-0000-4000-8000-000000000000"], lane="editorial")
    assert announce.process.announcer.flush(PATIENCE_SECONDS)
    yield
    host._remembered[:] = kept

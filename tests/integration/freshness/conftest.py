"""A page that tests hold while it renders, real caches in front of it, and a Redis with nothing in it."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any, Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
import redis
import requests
from django.core.handlers.wsgi import WSGIHandler
from django.db.models import F
from pytest_django import Settings

from deploy.local import Nginx, Redis, Varnish
from invalidation.freshness.redis_pause import redis_pause
from invalidation.models import Batch, Delivery
from tests.fixtures.grouped import grouped
from tests.fixtures.servers import SECRET
from tests.integration.freshness import pages
from tests.unit.pipeline.chain import Queue

GUARD = "invalidation.middleware.CacheTagMiddleware"
NAIVE = "tests.chain.checked.middleware.NaiveTags"
PROVIDERS = {"varnish": "invalidation.providers.varnish.Varnish", "nginx": "invalidation.providers.nginx.Nginx"}


class _Quiet(WSGIRequestHandler):
    def get_environ(self) -> dict[str, Any]:
        """With the target as it was sent, as gunicorn tells it."""
        return super().get_environ() | {"RAW_URI": self.path}

    def log_message(self, *_: Any) -> None:
        """Requests are no news."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Application:
    """Serves the pages from this process, with the settings that the test has put in force."""

    def __init__(self) -> None:
        self.handler: Any = None
        self._server = make_server("127.0.0.1", 0, self._respond, _Server, _Quiet)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def _respond(self, environment: dict[str, Any], start_response: Any) -> Any:
        if environment["PATH_INFO"] == "/health/":
            start_response("200 OK", [("Content-Length", "0")])
            return []
        return self.handler(environment, start_response)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="session")
def application() -> Iterator[Application]:
    with Application() as server:
        yield server


@pytest.fixture(scope="session")
def caches_before(application: Application, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A Varnish and an Nginx, each before the application."""
    folder: Path = tmp_path_factory.mktemp("freshness")
    options: dict[str, Any] = {"public_port": ""}
    with (
        Varnish(folder, [application.address], SECRET, options=options) as varnish,
        Nginx(folder, [application.address], SECRET, options=options) as nginx,
    ):
        yield {"varnish": varnish, "nginx": nginx}


@pytest.fixture(scope="session")
def nginx_over_varnish(caches_before: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """An Nginx that fills from the Varnish before the application."""
    folder = tmp_path_factory.mktemp("over")
    varnish = [f"127.0.0.1:{caches_before['varnish'].port}"]
    with Nginx(folder, varnish, SECRET, name="outer", options={"public_port": ""}) as server:
        yield server


@pytest.fixture
def freshness_redis(redis_server: Redis) -> redis.Redis:
    """The Redis that `declare` names, emptied."""
    client = redis.Redis.from_url(redis_server.url(5), decode_responses=True)
    client.flushdb()
    return client


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    pages.state.__init__()  # type: ignore[misc]  # the state is one object, because views find it by name
    redis_pause.__init__()  # type: ignore[misc]
    yield
    pages.state.release()


Declare = Callable[..., None]


@pytest.fixture
def declare(settings: Settings, redis_server: Redis, freshness_redis: redis.Redis) -> Declare:
    """Put settings in force: tiers by name, and anything else of INVALIDATION."""

    def declared(tiers: dict[str, Any] | None = None, *, middleware: str = GUARD, **values: Any) -> None:
        settings.ROOT_URLCONF = "tests.integration.freshness.pages"
        settings.MIDDLEWARE = [middleware]
        settings.ALLOWED_HOSTS = ["*"]
        settings.INVALIDATION = grouped(
            {
                "TIERS": tiers or {},
                "REDIS_URL": redis_server.url(5),
                "SITES": ["http://testserver"],
                "LINGER_MILLISECONDS": 0,
                "TRANSFER_SECONDS": 0,  # nothing is purged again for what is on its way, unless a test wants it
                **values,
            }
        )

    return declared


@pytest.fixture
def queue() -> Iterator[Queue]:
    queue = Queue()
    queue.connect()
    yield queue
    queue.disconnect()


def let_pass(duration: timedelta) -> None:
    """Everything that was stored until now happened so much earlier."""
    Batch.objects.update(created_at=F("created_at") - duration, rebound_at=F("rebound_at") - duration)
    Delivery.objects.update(completed_at=F("completed_at") - duration)


@dataclass
class Cached:
    """The application behind one cache, asked by a site's name that no earlier test has used."""

    kind: str
    url: str
    site: str

    def get(self, path: str = "/page/") -> str:
        """The body."""
        answer = requests.get(self.url + path, headers={"Host": self.site.removeprefix("http://")}, timeout=30)
        assert answer.ok
        return answer.text


Behind = Callable[..., Cached]


@pytest.fixture
def behind(declare: Declare, application: Application, caches_before: dict[str, Any]) -> Behind:
    """Put the application, and the tiers `inside`, behind a Varnish or an Nginx."""

    def cached(
        kind: str, options: dict[str, Any] | None = None, *, inside: dict[str, Any] | None = None, **values: Any
    ) -> Cached:
        node, site, inner = caches_before[kind].url, f"http://{uuid.uuid4().hex}.test", inside or {}
        tier = {"PROVIDER": PROVIDERS[kind], "NODES": [node], "OPTIONS": {"SECRET": SECRET, **(options or {})}}
        declare({**inner, kind: tier | {"FILLS_FROM": list(inner)}}, SITES=[site], **values)
        application.handler = WSGIHandler()
        return Cached(kind, node, site)

    return cached

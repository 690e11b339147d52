"""Where situations are staged: real caches before a page that the test decides, and an outbox whose work it does."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

import redis
import requests
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import CommandError, call_command

import invalidation
from deploy.local import Nginx, Varnish, free_port
from deploy.local.processes import Service, wait_for
from invalidation.freshness import sequence
from invalidation.pipeline.aftercare import rebound
from invalidation.pipeline.intake import drain
from invalidation.status.why.codes import Code
from tests.fixtures.servers import SECRET
from tests.integration.freshness.conftest import PROVIDERS, Application, Declare, let_pass
from tests.integration.freshness.pages import state
from tests.integration.freshness.why.toll import Toll
from tests.unit.pipeline.chain import Queue

Running = TypeVar("Running", bound=Service)


class Servers:
    """The caches, each started by the first situation that needs it; all end together."""

    def __init__(self, folder: Path, application: Application, shared: dict[str, Any], running: ExitStack) -> None:
        self.varnish: Varnish = shared["varnish"]
        self.nginx: Nginx = shared["nginx"]
        self._folder, self._application, self._running = folder, application, running
        self._started: dict[str, Any] = {}

    def toll(self) -> Toll:
        """Before that Varnish."""
        toll: Toll = self._once("toll", lambda: Toll(self.varnish.port))
        toll.answer = None
        return toll

    def outside(self) -> Nginx:
        """An Nginx before that Varnish."""
        return self._proxy("outside", Nginx, f"127.0.0.1:{self.varnish.port}")

    def in_two_languages(self) -> Nginx:
        """An Nginx that tells them apart."""
        names: dict[str, Any] = {"variant_header": "Accept-Language", "variant_variable": "accept_language"}
        return self._proxy("languages", Nginx, self._application.address, **names, variants=["en", "de"])

    def of_another_site(self) -> Nginx:
        """An Nginx with the name of one site."""
        return self._proxy("named", Nginx, self._application.address, server_names="known.test")

    def with_a_port(self) -> Varnish:
        """A Varnish that adds a port to every Host."""
        return self._proxy("port", Varnish, self._application.address, public_port=":8443")

    def sick(self) -> Varnish:
        """A Varnish whose application does not exist, as it has noticed."""
        server = self._proxy("sick", Varnish, f"127.0.0.1:{free_port()}")
        wait_for(lambda: "the probe" in requests.get(server.url, timeout=5).text, 10, "the probe to fail")
        return server

    def _proxy(self, name: str, kind: type[Running], origin: str, **options: Any) -> Running:
        options = {"public_port": "", **options}
        start: Callable[..., Running] = kind
        named = {"name": f"why-{name}", "options": options}
        server: Running = self._once(name, lambda: start(self._folder, [origin], SECRET, **named))
        return server

    def _once(self, name: str, start: Callable[[], Any]) -> Any:
        if name not in self._started:
            self._started[name] = self._running.enter_context(start())
        return self._started[name]


@dataclass
class Stage:
    """One situation."""

    servers: Servers
    application: Application
    declare: Declare
    queue: Queue
    redis: redis.Redis
    host: str = field(default_factory=lambda: f"{uuid.uuid4().hex}.test")
    path: str = "/page/"
    running: ExitStack = field(default_factory=ExitStack)
    """What ends with the situation."""

    def stand(self, *, middleware: str = "invalidation.middleware.CacheTagMiddleware", **declared: Any) -> None:
        """Put settings in force; names in small letters are tiers."""
        tiers = {name: declared.pop(name) for name in list(declared) if name.islower()}
        values = {"SITES": [f"http://{self.host}"], "LONGEST_RENDER_SECONDS": 10, **declared}
        self.declare(tiers, middleware=middleware, **values)
        self.application.handler = WSGIHandler()

    def varnish(self, node: str = "", **options: Any) -> dict[str, Any]:
        """A tier of the shared Varnish, or of what stands before it."""
        return tier("varnish", node or self.servers.varnish.url, **options)

    def nginx(self, node: str = "", **options: Any) -> dict[str, Any]:
        """A tier of the shared Nginx, or of another."""
        return tier("nginx", node or self.servers.nginx.url, **options)

    def chain(self, *, secret: str = SECRET, **values: Any) -> str:
        """Nginx over Varnish; returns the address of the former. `secret` is what workers tell Varnish."""
        outside = self.servers.outside().url
        self.stand(
            varnish=self.varnish(SECRET=secret), nginx=self.nginx(outside) | {"FILLS_FROM": ["varnish"]}, **values
        )
        return outside

    def behind_toll(self, **values: Any) -> Toll:
        """One Varnish whose purges the test answers, and which has the page."""
        toll = self.servers.toll()
        self.stand(varnish=self.varnish(toll.url), **values)
        self.visit(toll.url)
        return toll

    def visit(self, node: str, path: str = "", **headers: str) -> requests.Response:
        """As a visitor."""
        return requests.get(node + (path or self.path), headers={"Host": self.host, **headers}, timeout=10)

    def visited(self, **values: Any) -> None:
        """One Varnish that has the page."""
        self.stand(varnish=self.varnish(), **values)
        self.visit(self.servers.varnish.url)

    def claim(self, **targets: Any) -> None:
        """A purge, of the page where nothing else is named, is in a batch, and nobody has made it."""
        kinds = {"tags", "urls", "prefixes", "everything"}
        invalidation.invalidate(**({} if kinds & set(targets) else {"urls": [self.path]}) | targets)
        drain.drain()

    def purge(self, **targets: Any) -> None:
        """The same, and every worker did what there was to do."""
        self.claim(**targets)
        self.queue.run()

    def make_second_purge(self) -> None:
        """The rebound is due, and made."""
        let_pass(timedelta(seconds=60))
        rebound.rebound("default")
        self.queue.run()

    def pass_time(self, seconds: float) -> None:
        """A copy's life goes by in the cache's own clock."""
        until = time.monotonic() + seconds
        wait_for(lambda: time.monotonic() > until, seconds + 5, "time to pass")

    def invalidate_during_render(self, tags: Iterable[str]) -> None:
        """The next render is held until these tags were stamped."""
        state.hold()

        def stamp() -> None:
            state.reading.wait(10)
            sequence.advance(self.redis, tags)
            state.release()

        threading.Thread(target=stamp, daemon=True).start()

    def explained(self) -> tuple[int, list[dict[str, Any]]]:
        """Exit code and documents of the command."""
        printed = StringIO()
        try:
            call_command("why", self.path, "--format", "json", stdout=printed)
        except CommandError as error:
            return error.returncode, json.loads(printed.getvalue() or "[]")
        return 0, json.loads(printed.getvalue())


def tier(kind: str, node: str, **options: Any) -> dict[str, Any]:
    """One node of a product, with the secret that it knows."""
    return {"PROVIDER": PROVIDERS[kind], "NODES": [node], "OPTIONS": {"SECRET": SECRET, **options}}


@dataclass(frozen=True)
class Situation:
    """What is staged, and what must be said."""

    name: str
    code: Code
    words: tuple[str, ...]
    play: Callable[[Stage], object]
    at: str = ""
    """Tier or variant of the copy that is judged; empty for the last one."""

    remedy: str = ""
    remark: str = ""
    named_by: str = ""


SITUATIONS: list[Situation] = []


def situation(name: str, code: Code, *words: str, **more: str) -> Callable[[Callable[[Stage], object]], None]:
    """Of the function below it."""

    def add(play: Callable[[Stage], object]) -> None:
        SITUATIONS.append(Situation(name, code, words, play, **more))

    return add

"""Everything that runs, and the supervisor that starts again whatever is not running, as systemd would."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Self

import requests
from django.core.management import call_command

from deploy.local import Service
from tests.chaos.changes import prepare
from tests.chaos.faults import STAND_INS, WRITERS
from tests.chaos.hostile.flood import Flood
from tests.chaos.place import DATABASE, Place
from tests.chaos.site import SITE

ROOT = Path(__file__).resolve().parents[2]
CELERY = ["-m", "celery", "-A", "workers"]
WORKER = [*CELERY, "worker", "--loglevel", "WARNING", "--without-gossip", "--without-mingle"]
#: As systemd's RestartSec.
RESTART_SECONDS = 0.5
START_SECONDS = 60
TICK_SECONDS = 0.1


class World:
    """The running servers of one run; a context manager."""

    def __init__(self, place: Place, *, seed: int, writes_per_second: float) -> None:
        """`writes_per_second` is what the writers do together; the web processes have visitors of their own."""
        self.place = place
        self.seed = seed
        self.writes_per_second = writes_per_second
        self.services: dict[str, Service] = {}
        self.due: dict[str, float] = {}
        """When a server that is down may be started again; reading of the monotonic clock."""
        self.unplanned: dict[str, int] = {}
        """Servers that ended without having been killed, and how often."""
        self._running = ExitStack()

    def _python(self, name: str, *arguments: str, ready: Callable[[], object] | None = None) -> Service:
        command = [sys.executable, *arguments]
        return Service(
            name,
            self.place.folder,
            command,
            environment=self.place.environment,
            working_folder=ROOT,
            ready=ready,
        )

    def _stand_in(self, name: str) -> Service:
        marker = "varnish" if name.startswith("shield") else "nginx"
        port, log = str(self.place.stand_ins[name]), str(self.place.log_of(name))
        return self._python(name, "-m", "tests.chaos.recorder", port, marker, log)

    def _writer(self, name: str) -> Service:
        rate = self.writes_per_second / len(WRITERS)
        return self._python(name, "-m", "tests.chaos.writer", name, str(self.seed), str(rate))

    def _web(self) -> Service:
        place = ["--bind", f"127.0.0.1:{self.place.web_port}", "--workers", "2", "--threads", "2"]
        answers = partial(_answers, f"{self.place.web_url}/health/")
        return self._python("web", "-m", "gunicorn", "project.wsgi", *place, "--log-level", "error", ready=answers)

    def _site(self) -> Iterator[Service]:
        """What runs the site, but for the writers."""
        yield from (self._stand_in(name) for name in STAND_INS)
        yield self._web()
        yield self._python("worker-threads", *WORKER, "--pool", "threads", "-c", "6", "-n", "threads@%h")
        yield self._python("worker-processes", *WORKER, "--pool", "prefork", "-c", "2", "-n", "processes@%h")
        schedule = ["--schedule", str(self.place.folder / "beat"), "--pidfile", ""]
        yield self._python("beat", *CELERY, "beat", "--loglevel", "WARNING", *schedule)
        yield from (self.place.varnish, self.place.nginx)

    def __enter__(self) -> Self:
        """Start the stores, prepare the database, start the rest; the writers begin with `launch_writers`."""
        with ExitStack() as starting:
            for store in (self.place.redis, self.place.postgres):
                if store:
                    self.services[store.name] = starting.enter_context(store)
            self._prepare()
            for service in self._site():
                self.services[service.name] = service
                starting.callback(service.kill)
                service.launch()
            self._wait_until_ready()
            self._running = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def _prepare(self) -> None:
        """Create the tables, and the rows that every run begins with."""
        if self.place.postgres:
            self.place.postgres.create_database(DATABASE)
        call_command("migrate", verbosity=0, run_syncdb=True)
        prepare()

    def _wait_until_ready(self) -> None:
        for service in self.services.values():
            service.wait_until_ready(START_SECONDS)

    def launch_writers(self) -> None:
        """From here on things change."""
        for name in WRITERS:
            service = self.services[name] = self._writer(name)
            self._running.callback(service.kill)
            service.launch()

    def stop_writers(self) -> None:
        """No more changes from them, and no supervision either."""
        for name in WRITERS:
            self.services.pop(name).kill()

    def flood(self, victim: str, *, seed: int) -> Flood:
        """Hostile visitors of a proxy."""
        port = {"nginx": self.place.nginx.port, "varnish": self.place.varnish.port}[victim]
        paths = [f"/things/{number}/first-{number}/" for number in range(1, 5)]
        return Flood([port], SITE.partition("://")[2], paths, seed=seed, threads=2)

    def tend(self) -> None:
        """Start again what is down and due; one that ended by itself is due in a moment."""
        now = time.monotonic()
        for name, service in self.services.items():
            if service.running:
                continue
            if name not in self.due:
                service.kill()  # its children may live on
                self.due[name] = now + RESTART_SECONDS
                self.unplanned[name] = self.unplanned.get(name, 0) + 1
            elif self.due[name] <= now:
                del self.due[name]
                service.launch()

    def heal(self) -> None:
        """Everything runs and answers."""
        for service in self.services.values():
            if service.running:
                service.thaw()
            else:
                service.kill()
                service.launch()
        self.due.clear()
        self._wait_until_ready()


def _answers(url: str) -> bool:
    with contextlib.suppress(requests.RequestException):
        return requests.get(url, timeout=1).ok
    return False

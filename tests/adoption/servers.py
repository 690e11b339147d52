"""The site of `served` as processes: a web server of a kind, Varnish before it, a worker beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from kombu import Connection

from deploy.local import Redis, Service, Varnish
from invalidation.contrib.celery.queues import EVENTS
from tests.adoption.page import block
from tests.fixtures.servers import ROOT, SECRET

GUNICORN = ["-m", "gunicorn", "django.core.wsgi:get_wsgi_application()", "--bind", "127.0.0.1:{port}"]
UVICORN = ["-m", "uvicorn", "--factory", "django.core.asgi:get_asgi_application", "--port", "{port}"]
#: What follows the interpreter.
COMMANDS = {
    "gevent": [*GUNICORN, "--worker-class", "gevent"],
    "preloaded": [*GUNICORN, "--worker-class", "gevent", "--workers", "2", "--preload", "--config", "{folder}/{file}"],
    "threads": [*GUNICORN, "--worker-class", "gthread", "--threads", "8"],
    "uvicorn": [*UVICORN, "--log-level", "warning"],
}
#: What needs nothing but Django; its autoreloader would be a process beside it.
RUNSERVER = ["-m", "django", "runserver", "127.0.0.1:{port}", "--noreload"]
CELERY = ["-m", "celery", "-A", "tests.adoption.served", "worker", "--pool", "threads", "-c", "4", "-l", "INFO"]
POSTS = 20
#: In gunicorn's place for it, as the page about running shows it.
CONFIGURATION = "gunicorn.conf.py"
PAGE = ROOT / "docs/how-to/run.md"
FILL = (
    "from tests.adoption.served.models import Post\n"
    f"Post.objects.bulk_create([Post(title='old') for _ in range({POSTS})])"
)


@dataclass(frozen=True)
class Site:
    """Where its parts are."""

    folder: Path
    redis: Redis
    broker: Redis
    port: int
    varnish: Varnish
    python: str = sys.executable
    """The interpreter of whatever runs there."""
    source: Path = ROOT
    """Where its own modules are found, by their names here."""

    @property
    def environment(self) -> dict[str, str]:
        """What its processes are told."""
        return {
            "DJANGO_SETTINGS_MODULE": "tests.adoption.served.settings",
            "SERVED_DATABASE": str(self.folder / "posts.sqlite3"),
            "SERVED_REDIS": self.redis.url().removesuffix("/0"),
            "SERVED_BROKER": self.broker.url(),
            "SERVED_VARNISH": self.varnish.url,
            "SERVED_SECRET": SECRET,
        }

    def fill(self) -> None:
        """Make the tables, and posts that are numbered from 1."""
        self.manage("migrate", "--run-syncdb", "--verbosity", "0")
        self.manage("shell", "-c", FILL)

    def manage(self, *command: str) -> str:
        """What a command of Django's prints, which has to succeed without a warning of Python's."""
        django = [self.python, "-m", "django", *command]
        environment = {**os.environ, **self.environment, "PYTHONWARNINGS": "error"}
        done = subprocess.run(django, cwd=self.source, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def server(self, name: str) -> Service:
        """The web server of that name; ready once it answers."""
        places = {"port": self.port, "folder": self.folder, "file": CONFIGURATION}
        arguments = [argument.format(**places) for argument in COMMANDS.get(name, RUNSERVER)]
        (self.folder / CONFIGURATION).write_text(block(PAGE, CONFIGURATION))
        return self._process(name, arguments, says="")

    def worker(self) -> Service:
        """A worker, and no beat beside it: what is not announced is not found."""
        return self._process("worker", CELERY, says=" ready.")

    def _process(self, name: str, arguments: list[str], says: str) -> Service:
        service = Service(
            name,
            self.folder,
            [self.python, *arguments],
            environment=self.environment,
            working_folder=self.source,
            ready=lambda: says in service.log.read_text(errors="replace") if says else self._answers(),
        )
        return service

    def _answers(self) -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{self.port}/health/", timeout=5).ok
        except requests.RequestException:
            return False

    def save(self, pk: int, title: str, *, how: str = "save") -> str:
        """Let the web server save a post; what it reads of it in the same request."""
        url = f"http://127.0.0.1:{self.port}/posts/{pk}/{how}/"
        answer = requests.get(url, {"title": title}, timeout=30)
        assert answer.ok, answer.text
        return answer.text

    def shown(self, pk: int) -> str:
        """What a visitor is shown; nothing while Varnish takes the site for ill."""
        answer = requests.get(f"{self.varnish.url}/posts/{pk}/", timeout=30)
        return answer.text if answer.ok else ""

    def announced(self) -> int:
        """Messages on the broker that say so."""
        with Connection(self.broker.url()) as connection:
            channel: Any = connection.default_channel
            return int(channel.queue_declare(EVENTS).message_count)

"""The shipped stack as it is measured: PostgreSQL that syncs, a worker with the naive task too, Nginx' log heard."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, LiteralString

import psycopg

from deploy.local import Postgres
from deploy.local.processes import Service, wait_for
from deploy.local.stack import ROOT, SAYINGS, LoggingService, Stack
from tests.benchmarks.processor import processor_seconds
from tests.benchmarks.purge_log import PurgeLog

IDLE_SECONDS = 900
UNFINISHED = """
SELECT (SELECT count(*) FROM invalidation_event WHERE status IN ('pending', 'claimed'))
     + (SELECT count(*) FROM invalidation_batch WHERE status = 'running'
            OR rebound_at IS NOT NULL AND rebounded_at IS NULL)
"""


class MeasuredStack(Stack):
    """The shipped one, whose worker can do the naive task as well, and be profiled.

    With `nodes`, those are its tier of proxies, instead of the Varnish and the Nginx that it runs. With several
    `workers`, each is a process.
    """

    def __init__(self, *arguments: Any, nodes: Sequence[str] = (), workers: int = 1, **options: Any) -> None:
        self.nodes, self.workers = nodes, workers
        super().__init__(*arguments, **options)

    @property
    def environment(self) -> dict[str, str]:
        """As shipped, or with other nodes."""
        others = {"VARNISH_NODES": ",".join(self.nodes), "NGINX_NODES": ""} if self.nodes else {}
        return super().environment | others

    def _processes(self) -> dict[str, Service]:
        processes = super()._processes()
        *shell, line = processes["worker"].command()
        place: dict[str, Any] = {"environment": self.environment, "working_folder": ROOT, "says": SAYINGS["worker"]}
        for number in range(2, self.workers + 1):
            command = [*shell, f"{line} --hostname worker{number}@%h"]
            processes[f"worker{number}"] = LoggingService(f"worker{number}", self.state_folder, command, **place)
        return processes

    def _process(self, name: str, command: list[str]) -> Service:
        included = f"{command[-1]} --include tests.benchmarks.naive,tests.benchmarks.profiled"
        return super()._process(name, [*command[:-1], included] if name == "worker" else command)


@dataclass(frozen=True, slots=True)
class Site:
    """The running stack and who listens to it."""

    stack: Stack
    log: PurgeLog
    postgres: Postgres | None = None

    def run(self, *arguments: str) -> None:
        """A module of Python in the site's environment."""
        environment = {**os.environ, **self.stack.environment, "LOG_LEVEL": "ERROR"}
        subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, env=environment, check=True)

    def told(self, module: str, *arguments: object) -> dict[str, int]:
        """What a module wrote that is given a file: paths or tags, and when each was committed."""
        file = self.stack.state_folder / "told.json"
        self.run(f"tests.benchmarks.{module}", *map(str, arguments), str(file))
        return {name: int(at) for name, at in json.loads(file.read_text()).items()}

    def used(self) -> dict[str, float]:
        """Processor seconds of each server so far, of all workers together."""
        running = self.stack
        servers: dict[str, Service | None] = {"PostgreSQL": self.postgres, "Redis": running.redis}
        servers |= {"Varnish": running.varnish, "Nginx": running.nginx}
        workers = [service for name, service in running.processes.items() if name.startswith("worker")]
        found = {name: processor_seconds(server.pid) for name, server in servers.items() if server}
        return {"workers": sum(processor_seconds(service.pid) for service in workers), **found}

    def number(self, query: LiteralString) -> float:
        """One number of the site's database."""
        with psycopg.connect(self.stack.database_url) as database:
            answer = database.execute(query).fetchone()
        return float(answer[0]) if answer else 0.0

    def wait_until_idle(self) -> None:
        """Until every event is purged, and purged again after the longest render."""
        wait_for(lambda: self.number(UNFINISHED) == 0, IDLE_SECONDS, "the worker to be idle")


@contextmanager
def site(*, synced: bool = True, nodes: Sequence[str] = (), workers: int = 1) -> Iterator[Site]:
    """Started anew; SQLite unless `synced` PostgreSQL; `nodes` instead of its own proxies; so many workers."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="benchmark-")))
        log = stack.enter_context(PurgeLog())
        postgres = stack.enter_context(Postgres(folder, durable=True)) if synced else None
        url = postgres.create_database("site") if postgres else ""
        options: dict[str, Any] = {"nginx_options": {"access_log": log.destination}}
        running = MeasuredStack(folder, database_url=url, nodes=nodes, workers=workers, **options)
        yield Site(stack.enter_context(running), log, postgres)

"""The shipped stack as it is measured: PostgreSQL that syncs, a worker with the naive task too, Nginx' log heard."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from deploy.local import Postgres
from deploy.local.processes import Service, wait_for
from deploy.local.stack import ROOT, Stack
from tests.benchmarks.purge_log import PurgeLog

IDLE_SECONDS = 900
UNFINISHED = """
SELECT (SELECT count(*) FROM invalidation_event WHERE status IN ('pending', 'claimed'))
     + (SELECT count(*) FROM invalidation_batch WHERE status = 'running'
            OR rebound_at IS NOT NULL AND rebounded_at IS NULL)
"""


class MeasuredStack(Stack):
    """The shipped one, whose worker can do the naive task as well, and be profiled."""

    def _process(self, name: str, command: list[str]) -> Service:
        included = f"{command[-1]} --include tests.benchmarks.naive,tests.benchmarks.profiled"
        return super()._process(name, [*command[:-1], included] if name == "worker" else command)


@dataclass(frozen=True, slots=True)
class Site:
    """The running stack and who listens to it."""

    stack: Stack
    log: PurgeLog

    def run(self, *arguments: str) -> None:
        """A module of Python in the site's environment."""
        environment = {**os.environ, **self.stack.environment, "LOG_LEVEL": "ERROR"}
        subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, env=environment, check=True)

    def saved(self, kind: str, rate: float, saves: int) -> dict[str, int]:
        """Let the saver save; when each path was committed."""
        file = self.stack.state_folder / "saved.json"
        self.run("tests.benchmarks.saver", kind, str(rate), str(saves), str(file))
        return {path: int(at) for path, at in json.loads(file.read_text()).items()}

    def wait_until_idle(self) -> None:
        """Until every event is purged, and purged again after the longest render."""
        with psycopg.connect(self.stack.database_url, autocommit=True) as database:
            wait_for(lambda: database.execute(UNFINISHED).fetchone() == (0,), IDLE_SECONDS, "the worker to be idle")


@contextmanager
def site(*, synced: bool = True) -> Iterator[Site]:
    """Started anew; SQLite unless `synced` PostgreSQL."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="benchmark-")))
        log = stack.enter_context(PurgeLog())
        url = stack.enter_context(Postgres(folder, durable=True)).create_database("site") if synced else ""
        running = MeasuredStack(folder, database_url=url, nginx_options={"access_log": log.destination})
        yield Site(stack.enter_context(running), log)

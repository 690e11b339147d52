"""pytest-celery nodes that are processes of this machine, for where no Docker engine answers."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_celery import CeleryWorkerContainer, RedisContainer

from deploy.local.processes import Service, wait_for
from deploy.local.redis import Redis
from deploy.local.stack import LoggingService

ROOT = Path(__file__).resolve().parents[3]


class LocalNode:
    """The part of Docker's container API that pytest-celery's nodes use, on a Service."""

    # Shadow properties of the container classes that would ask an engine.
    id = name = env = attrs = None

    def __init__(self, service: Service) -> None:  # no super().__init__: there is no container
        self.service = service
        self.id = self.name = service.name
        service.start()

    @property
    def status(self) -> str:
        """As Docker says it."""
        return "running" if self.service.running else "exited"

    def logs(self, **_: Any) -> str:
        """All output so far."""
        return self.service.log.read_text(errors="replace")

    def reload(self) -> None:
        """Nothing is cached."""

    def kill(self, signal: str | int = signal.SIGKILL, **_: Any) -> None:
        """SIGKILL to all of it."""
        self.service.kill()

    def restart(self, **_: Any) -> None:
        """End it and start it again."""
        self.service.stop()
        self.service.start()

    def ready(self, timeout: float = 30) -> bool:
        """Wait until its log says so."""
        prompt: str = getattr(self, "ready_prompt", "")
        wait_for(lambda: prompt in self.logs(), timeout, f"{self.name} to log {prompt!r}")
        return True

    def teardown(self) -> None:
        """Leave nothing behind."""
        self.service.kill()


class LocalRedis(LocalNode, RedisContainer):  # type: ignore[misc]  # pytest-celery has no types
    """A broker."""

    service: Redis

    @property
    def port(self) -> int:
        """Of 127.0.0.1."""
        return self.service.port

    @property
    def hostname(self) -> str:
        """This machine."""
        return "127.0.0.1"

    @property
    def url(self) -> str:
        """Of the database that carries messages."""
        return self.service.url(0)

    @property
    def ready_prompt(self) -> str:
        """What Redis logs when it listens."""
        return "Ready to accept connections"


class LocalWorker(LocalNode, CeleryWorkerContainer):  # type: ignore[misc]
    """A worker of the reference site."""

    def __init__(self, state_folder: Path, environment: Mapping[str, str]) -> None:
        worker = [sys.executable, "-m", "celery", "-A", "workers", "worker", "--pool", "threads", "-c", "4"]
        name = f"{self.worker_name()}@%h"
        service = LoggingService(
            f"worker-{os.urandom(3).hex()}",
            state_folder,
            [*worker, "--beat", "--schedule", str(state_folder / "beat"), "-n", name],
            environment=environment,
            working_folder=ROOT,
            says=" ready.",
        )
        super().__init__(service)

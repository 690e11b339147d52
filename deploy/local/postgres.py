"""Runs a PostgreSQL cluster of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from deploy.local.processes import Service, ServiceFailed, free_port


def binary(name: str) -> str:
    """A PostgreSQL program: the newest of Debian's versions, else the one on PATH.

    Raises:
        ServiceFailed: PostgreSQL is not installed.
    """
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: float(path.parts[4]))
    if found := str(versions[-1]) if versions else shutil.which(name):
        return found
    raise ServiceFailed(f"No PostgreSQL program {name}: install the Debian package postgresql.")


def unprivileged_user() -> pwd.struct_passwd | None:
    """Whom to run as: PostgreSQL refuses to run as root. None when we are somebody else already."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


def unprivileged(command: Sequence[str]) -> list[str]:
    """The command, run by `unprivileged_user`, who may still enter folders that only root can enter."""
    user = unprivileged_user()
    if user is None:
        return list(command)
    identity = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    return ["setpriv", *identity, "--inh-caps=+dac_override", "--ambient-caps=+dac_override", *command]


class Postgres(Service):
    """A cluster on a port of 127.0.0.1, open to everyone on this machine; `durable` turns fsync on."""

    user = "invalidation"
    #: Fast: after SIGTERM it would wait until every client has left ("Shutting Down the Server").
    stop_signal = signal.SIGINT

    def __init__(
        self,
        state_folder: Path,
        *,
        name: str = "postgres",
        port: int | None = None,
        durable: bool = False,
        arguments: Sequence[str] = (),
    ) -> None:
        super().__init__(name, state_folder)
        self.port = port or free_port()
        self.durable = durable
        self.arguments = list(arguments)

    def url(self, database: str = "postgres") -> str:
        """Address of one of its databases."""
        return f"postgres://{self.user}@127.0.0.1:{self.port}/{database}"

    @property
    def data_folder(self) -> Path:
        """The cluster."""
        return self.state_folder / self.name

    def create_database(self, database: str) -> str:
        """Create an empty database and return its address."""
        access = ["--host=127.0.0.1", f"--port={self.port}", f"--username={self.user}"]
        subprocess.run([binary("createdb"), *access, database], check=True, capture_output=True)
        return self.url(database)

    def prepare(self) -> None:
        """Create the cluster, once."""
        if (self.data_folder / "PG_VERSION").exists():
            return
        self.data_folder.mkdir(parents=True, exist_ok=True)
        if user := unprivileged_user():
            os.chown(self.data_folder, user.pw_uid, user.pw_gid)
        options = ["--auth=trust", f"--username={self.user}", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        command = unprivileged([binary("initdb"), f"--pgdata={self.data_folder}", *options])
        result = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/")
        if result.returncode:
            raise ServiceFailed(f"initdb failed:\n{result.stdout}{result.stderr}")

    def command(self) -> list[str]:
        """The server in the foreground, on TCP only."""
        settings = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": ""}
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return unprivileged([binary("postgres"), "-D", str(self.data_folder), *arguments, *self.arguments])

    def is_ready(self) -> bool:
        """Does it accept connections?"""
        access = ["--host=127.0.0.1", f"--port={self.port}", f"--username={self.user}", "--dbname=postgres", "--quiet"]
        return subprocess.run([binary("pg_isready"), *access], check=False).returncode == 0

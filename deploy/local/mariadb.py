"""Runs a MariaDB server of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path

from deploy.local.processes import Service, ServiceFailed, free_port

#: It refuses to run as root unless it is told to.
USER = f"--user={pwd.getpwuid(os.geteuid()).pw_name}"
#: Debian keeps daemons out of the PATH of ordinary users.
PLACES = ("/usr/sbin", "/usr/bin")


def binary(name: str) -> str:
    """A MariaDB program.

    Raises:
        ServiceFailed: MariaDB is not installed.
    """
    for place in (None, *PLACES):
        if found := shutil.which(name, path=place):
            return found
    raise ServiceFailed(f"No MariaDB program {name}: install the Debian package mariadb-server.")


class MariaDB(Service):
    """A server on a port of 127.0.0.1, open to everyone on this machine."""

    account = "invalidation"

    def __init__(self, state_folder: Path, *, name: str = "mariadb", port: int | None = None) -> None:
        super().__init__(name, state_folder)
        self.port = port or free_port()

    def url(self, database: str = "invalidation") -> str:
        """Address of one of its databases."""
        return f"mysql://{self.account}@127.0.0.1:{self.port}/{database}?charset=utf8mb4"

    @property
    def data_folder(self) -> Path:
        """Where its tables are."""
        return self.state_folder / self.name

    def prepare(self) -> None:
        """Create the system's tables, once."""
        if (self.data_folder / "mysql").exists():
            return
        options = ["--no-defaults", f"--datadir={self.data_folder}", "--auth-root-authentication-method=normal"]
        command = [binary("mariadb-install-db"), *options, "--skip-test-db", USER]
        ended = subprocess.run(command, check=False, capture_output=True, text=True)
        if ended.returncode:
            raise ServiceFailed(f"mariadb-install-db failed:\n{ended.stdout}{ended.stderr}")

    def command(self) -> list[str]:
        """The server in the foreground, on TCP and a socket of its own."""
        (script := self.state_folder / f"{self.name}.sql").write_text(
            f"CREATE DATABASE IF NOT EXISTS invalidation CHARACTER SET utf8mb4;\n"
            f"CREATE USER IF NOT EXISTS {self.account}@'127.0.0.1';\nGRANT ALL ON *.* TO {self.account}@'127.0.0.1';\n"
        )
        settings = {
            "datadir": self.data_folder,
            "port": self.port,
            "bind-address": "127.0.0.1",
            "socket": self.data_folder / "socket",
            "init-file": script,
            "innodb-flush-log-at-trx-commit": 0,
            "skip-name-resolve": "ON",
            "character-set-server": "utf8mb4",
        }
        arguments = [f"--{name}={value}" for name, value in settings.items()]
        return [binary("mariadbd"), "--no-defaults", USER, *arguments]

    def is_ready(self) -> bool:
        """Does it let its account in?"""
        access = ["--no-defaults", "--protocol=tcp", "--host=127.0.0.1", f"--port={self.port}"]
        asked = [binary("mariadb"), *access, f"--user={self.account}", "--execute=SELECT 1", "invalidation"]
        return subprocess.run(asked, check=False, capture_output=True).returncode == 0

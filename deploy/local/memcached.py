"""Runs a Memcached server."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from deploy.local.processes import Service, ServiceFailed, ask, free_port


def binary() -> str:
    """Memcached's program.

    Raises:
        ServiceFailed: it is not installed.
    """
    if found := shutil.which("memcached", path=f"{os.environ.get('PATH', '')}:/usr/bin"):
        return found
    raise ServiceFailed("Install the Debian package memcached.")


class Memcached(Service):
    """A Memcached on a port of 127.0.0.1 with a few megabytes."""

    def __init__(self, state_folder: Path, *, name: str = "memcached", port: int | None = None) -> None:
        super().__init__(name, state_folder)
        self.port = port or free_port()

    @property
    def address(self) -> str:
        """What CACHES calls its location."""
        return f"127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        """The server in the foreground, over TCP alone; root has to name a user, and may name itself."""
        user = ["-u", "root"] if os.geteuid() == 0 else []
        return [binary(), "-l", "127.0.0.1", "-p", str(self.port), "-U", "0", "-m", "16", *user]

    def is_ready(self) -> bool:
        """Does it tell its version?"""
        return ask(self.port, b"version\r\n").startswith(b"VERSION")

"""Runs a command with DATABASE_URL naming a server of its own: `python -m … postgresql pytest -m databases`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from deploy.local.mariadb import MariaDB
from deploy.local.postgres import Postgres

SERVERS = {"postgresql": Postgres, "mariadb": MariaDB}


def run(kind: str, command: Sequence[str]) -> int:
    """The command's exit code; the server lives as long as it does."""
    with tempfile.TemporaryDirectory() as folder, SERVERS[kind](Path(folder)) as server:
        return subprocess.run(command, check=False, env={**os.environ, "DATABASE_URL": server.url()}).returncode


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], sys.argv[2:]))

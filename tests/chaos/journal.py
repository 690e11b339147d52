"""An append-only file of one process: what it is about to do, and what came of it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. A token without an outcome belongs to a process that was killed at it."""

    token: str
    kind: str
    started_at: float
    """Seconds since 1970."""

    outcome: str = ""
    """`committed`, `rolled back` or the name of an error; empty before."""

    seconds: float = 0.0
    """From the beginning of the transaction to the end of its commit hooks."""


class Journal:
    """Writes lines that survive the death of the process, though not of the machine."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def write(self, entry: Entry) -> None:
        """One system call: a kill leaves the line whole or absent."""
        os.write(self._file, json.dumps(asdict(entry)).encode() + b"\n")


def read(folder: Path) -> Iterator[Entry]:
    """Every line of every journal in the folder."""
    for path in sorted(folder.glob("*.journal")):
        for line in path.read_text().splitlines():
            yield Entry(**json.loads(line))


def now() -> float:
    """Seconds since 1970, as all processes of this machine and PostgreSQL count them."""
    return time.time()

"""Kills every registered process group when the process that started it is gone, however it died.

A parent-death signal would reach one process only, end with the thread that started it, and be lost when the
server changes its user; a pipe that reaches its end has none of these limits. Runs as a script of its own.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import IO, cast


class Guardian:
    """The starter's end of the pipe."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def watch(self, process_group: int) -> None:
        """Kill this group once this process is gone."""
        self._tell(f"+{process_group}\n")

    def forget(self, process_group: int) -> None:
        """The group has ended; its number may be given to somebody else."""
        self._tell(f"-{process_group}\n")

    def end(self) -> None:
        """Let it kill what is left, and go."""
        with self._lock:
            if self._process:
                self._process.communicate()
            self._process = None

    def _tell(self, line: str) -> None:
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._process = self._started()
                atexit.register(self.end)
            pipe = cast("IO[bytes]", self._process.stdin)
            pipe.write(line.encode())
            pipe.flush()

    @staticmethod
    def _started() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-S", "-E", str(Path(__file__).resolve())], stdin=subprocess.PIPE, start_new_session=True
        )


def groups_left(lines: Iterable[str]) -> set[int]:
    """The groups that were named and not taken back when the lines end."""
    left: set[int] = set()
    for line in lines:
        (left.add if line[0] == "+" else left.discard)(int(line[1:]))
    return left


if __name__ == "__main__":
    for group in groups_left(sys.stdin):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)

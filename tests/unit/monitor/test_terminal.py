"""What the monitor prints to a terminal, and what to a file: colours are for people alone."""

from __future__ import annotations

import errno
import os
import pty
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
COLOUR = b"\x1b["
PLACE = {"DJANGO_SETTINGS_MODULE": "project.settings.test", "TERM": "xterm-256color", "COLUMNS": "100"}


def environment() -> Mapping[str, str]:
    """Without what would forbid or force colours."""
    kept = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR", "TERM"}}
    return {**kept, **PLACE}


def on_a_terminal(*arguments: str) -> bytes:
    """Everything that a terminal of its own shows of the command."""
    master, terminal = pty.openpty()
    command = [sys.executable, "manage.py", *arguments]
    with subprocess.Popen(command, cwd=ROOT, env=environment(), stdin=terminal, stdout=terminal, stderr=terminal):
        os.close(terminal)
        shown = b"".join(iter(lambda: _read(master), b""))
    os.close(master)
    return shown


def _read(master: int) -> bytes:
    """Linux says EIO where the other side is closed."""
    try:
        return os.read(master, 65536)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return b""


def into_a_file(*arguments: str) -> bytes:
    """What the command prints where nobody looks."""
    command = [sys.executable, "manage.py", *arguments]
    ended = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, check=False)
    return ended.stdout + ended.stderr


def test_colours_are_for_a_terminal_alone() -> None:
    assert COLOUR in on_a_terminal("cache_monitor")
    assert COLOUR not in into_a_file("cache_monitor")


def test_json_has_no_colours_even_on_a_terminal() -> None:
    assert COLOUR not in on_a_terminal("cache_monitor", "--format", "json")

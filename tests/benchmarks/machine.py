"""Where and with what a run was made, for its report."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from deploy.local import nginx, postgres, redis, varnish

PACKAGES = ("Django", "celery", "kombu", "redis", "psycopg", "requests")


def described(parts: str, seconds: float) -> str:
    """A list in Markdown."""
    lines = (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {seconds / 60:.0f} minutes: `python -m tests.benchmarks {parts}`",
        f"{os.cpu_count()} processors ({_processor()}), {_gigabytes():.0f} GB of memory",
        f"Python {platform.python_version()}; {', '.join(f'{name} {version(name)}' for name in PACKAGES)}",
        "; ".join(_servers()),
    )
    return "\n".join(f"- {line}" for line in lines)


def _servers() -> list[str]:
    commands = [
        [postgres.binary("postgres"), "--version"],
        [redis.server_binary(), "--version"],
        [nginx.binary(), "-v"],
        [varnish.binary(), "-V"],
    ]
    return [_version(command) for command in commands]


def _version(command: list[str]) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    found = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return f"{Path(command[0]).name} {found[0] if found else '?'}"


def _processor() -> str:
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _gigabytes() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9

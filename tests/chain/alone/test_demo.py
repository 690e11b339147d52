"""`make demo` tells the truth by its exit status, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.processes import wait_for

pytestmark = pytest.mark.takes(45)

ROOT = Path(__file__).resolve().parents[3]
#: Whoever starts the tests in the background has them, and what they start, ignore ctrl-C (POSIX, "Lists").
HEED_INTERRUPTS = ["env", "--default-signal=INT"]
DEMO = [*HEED_INTERRUPTS, sys.executable, "-m", "deploy.local.demo"]
CHANGES = (
    "publish",
    "edit",
    "add a tag",
    "change the slug",
    "manual purge in the admin",
    "manage.py purge --url",
    "unpublish",
    "scheduled publication",
    "delete",
)


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    return subprocess.run(
        [*DEMO, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def processes_of(folder: Path) -> list[str]:
    """Command lines of living processes whose arguments or environment name the folder."""
    found = []
    for process in set(Path("/proc").glob("[0-9]*")) - {Path(f"/proc/{os.getpid()}")}:
        with contextlib.suppress(OSError):
            command = (process / "cmdline").read_bytes()
            if str(folder).encode() in command + (process / "environ").read_bytes():
                found.append(command.replace(b"\0", b" ").decode())
    return found


@pytest.mark.timeout(240)
def test_the_demo_holds(demo_folder: Path) -> None:
    result = demo()
    assert result.returncode == 0, result.stdout + result.stderr
    assert [change for change in CHANGES if change not in result.stdout] == []
    assert result.stdout.count("median from commit to fresh") == len(("cache", "varnish", "nginx", "cloudflare"))
    assert not processes_of(demo_folder)
    assert not list(demo_folder.iterdir())


@pytest.mark.timeout(240)
def test_the_demo_fails_when_a_tier_can_not_purge(demo_folder: Path) -> None:
    result = demo("--break", "nginx-purge")
    assert result.returncode == 1, result.stdout + result.stderr
    assert "Did not hold: nginx still serves the old copy" in " ".join(result.stdout.split())


@pytest.mark.timeout(240)
@pytest.mark.parametrize("interruption", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing_behind(demo_folder: Path, interruption: signal.Signals) -> None:
    process = subprocess.Popen(DEMO, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: list(demo_folder.glob("*/worker.log")), 60, "the demo to start its worker")
        process.send_signal(interruption)
        assert process.wait(60) == 128 + interruption
    finally:
        process.kill()
    assert not processes_of(demo_folder)
    assert not list(demo_folder.iterdir())

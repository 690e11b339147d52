"""A soak names every test that ever failed, and when."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
#: All is well in its first run, and nothing but one test in its second.
SUITE = """
import pathlib
import pytest

mark = pathlib.Path("{folder}/mark")
is_second = mark.exists()
mark.touch()

@pytest.fixture
def ends_badly():
    yield
    assert not is_second

def test_steady():
    pass

def test_shaky():
    assert not is_second

def test_untidy(ends_badly):
    pass
"""


def soak(folder: Path, *, times: int) -> subprocess.CompletedProcess[str]:
    """Runs a suite of this test's own."""
    (folder / "test_suite.py").write_text(SUITE.format(folder=folder))
    suite = ["-c", os.devnull, "-p", "tests.benchmarks.soak.failures", "-p", "no:cacheprovider", str(folder)]
    command = [sys.executable, "-m", "tests.benchmarks.soak", "--times", str(times), "--folder", str(folder / "logs")]
    command += ["--", sys.executable, "-m", "pytest", *suite]
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(command, cwd=ROOT, env=alone, capture_output=True, text=True, timeout=100, check=False)


def test_a_soak_fails_and_names_the_tests_that_failed_with_their_runs(tmp_path: Path) -> None:
    ended = soak(tmp_path, times=2)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "1 of 2 passed" in ended.stdout
    [shaky] = [line for line in ended.stdout.splitlines() if "test_shaky" in line]
    assert [cell.strip() for cell in shaky.split("│")[2:4]] == ["call", "2"]
    [untidy] = [line for line in ended.stdout.splitlines() if "test_untidy" in line]
    assert [cell.strip() for cell in untidy.split("│")[2:4]] == ["teardown", "2"]
    assert "test_steady" not in ended.stdout


def test_a_soak_without_a_failure_passes_beside_a_process_that_never_sleeps(tmp_path: Path) -> None:
    never_sleeps = ["sh", "-c", "pgrep --parent $PPID --full 'while True: pass'"]
    asked = [sys.executable, "-m", "tests.benchmarks.soak", "--busy", "--times", "3", "--folder", str(tmp_path), "--"]
    ended = subprocess.run([*asked, *never_sleeps], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "3 of 3 passed" in ended.stdout


@pytest.mark.parametrize("command", [["false"], ["sh", "-c", "exit 3"]])
def test_a_run_that_ends_badly_without_a_failed_test_counts_as_failed(tmp_path: Path, command: list[str]) -> None:
    asked = [sys.executable, "-m", "tests.benchmarks.soak", "--times", "1", "--folder", str(tmp_path), "--", *command]
    assert subprocess.run(asked, cwd=ROOT, capture_output=True, check=False).returncode == 1

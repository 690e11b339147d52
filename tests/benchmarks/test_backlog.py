"""Runs the backlog benchmark and shows its figures."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.benchmark
@pytest.mark.timeout(1800)
def test_a_backlog_of_100_000_bulk_events() -> None:
    command = [sys.executable, "-m", "tests.benchmarks.backlog", "--events", "100000"]
    subprocess.run(command, cwd=ROOT, check=True)

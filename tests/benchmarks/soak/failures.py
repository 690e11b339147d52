"""Notes each failure of a run in the file that FAILURES_FILE names, so that a soak can count them; a pytest plugin."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

VARIABLE = "FAILURES_FILE"
#: Set in every process that the tests are dealt out to.
XDIST = "PYTEST_XDIST_WORKER"


@dataclass(frozen=True, slots=True)
class Failure:
    """A test that failed, or whose set-up or end did."""

    test: str
    phase: str
    at: float
    seconds: float


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Called in every process; the one that deals the tests out hears of all, and alone notes them."""
    if report.failed and (file := os.environ.get(VARIABLE)) and XDIST not in os.environ:
        failure = Failure(report.nodeid, report.when, time.time(), report.duration)
        with Path(file).open("a") as journal:
            journal.write(json.dumps(asdict(failure)) + "\n")


def noted(file: Path) -> list[Failure]:
    """What a run wrote."""
    lines = file.read_text().splitlines() if file.exists() else []
    return [Failure(**json.loads(line)) for line in lines]

"""A pytest plugin that tries each mutant with the tests that call its function, until one fails.

A new process for each takes a third of a second before its first test, which takes milliseconds: so each is tried in a
fork of the one process that has everything loaded. What a mutant leaves behind ends with the fork.
"""

from __future__ import annotations

import gc
import json
import mmap
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from tests.benchmarks.mutation import mutants
from tests.benchmarks.mutation.mutants import MEASURING, UNCHANGED, Mutated
from tests.benchmarks.mutation.plugin import Databases

#: Paths of the modules and names of functions, with a space between; and where verdicts are kept.
SOURCES, FUNCTIONS, VERDICTS = "MUTATION_SOURCES", "MUTATION_FUNCTIONS", "MUTATION_VERDICTS"
#: By which a mutant is still alive, or has no test that calls its function.
SURVIVED, UNCALLED = "", "-"
#: Tests that try one mutant, those first that call little else and are fast; a byte tells which.
MOST_TESTS = 255
#: A test that takes so many times as long as it did, or so much longer, hangs; of processor, and by the clock.
TIMES, LEAST_SECONDS, LEAST_WALL_SECONDS = 20, 2.0, 60.0


@dataclass(frozen=True, slots=True)
class Measured:
    """What a test calls, and how long it takes of the processor and by the clock."""

    item: pytest.Item
    functions: frozenset[str]
    seconds: float
    wall_seconds: float

    @property
    def price(self) -> float:
        """Little where it is about few functions, and fast."""
        return len(self.functions) * (self.seconds + 0.001)


class Nothing:
    """Stands for the next test: of what fixtures hold, the session's alone stays."""

    def __init__(self, session: pytest.Session) -> None:
        self._session = session

    def listchain(self) -> list[pytest.Session]:
        """As of a test in no file."""
        return [self._session]


class Trials:
    """The tests of a session, in place of its usual loop."""

    def __init__(self, mutated: Sequence[Mutated], verdicts: Path) -> None:
        self.mutated = mutated
        self.path = verdicts
        self.verdicts: dict[str, str] = json.loads(verdicts.read_text()) if verdicts.exists() else {}

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Measure each test, then try each mutant. The first one's first run takes what the whole session needs."""
        measure(session.items[0])
        measured = [measure(item) for item in session.items]
        gc.freeze()  # a fork copies the memory that it writes to, as a collection does
        for start in range(0, len(measured), MOST_TESTS):
            if failing := verdict(UNCHANGED, measured[start : start + MOST_TESTS]):
                raise pytest.UsageError(f"{failing} fails in a fork without any mutant.")
        made = [mutant for one in self.mutated for mutant in one.mutants]
        for mutant in (mutant for mutant in made if self.verdicts.get(mutant, SURVIVED) in (SURVIVED, UNCALLED)):
            Databases.restore()
            calling = [one for one in measured if mutants.function(mutant) in one.functions]
            self.verdicts[mutant] = verdict(mutant, calling) if calling else UNCALLED
        return True

    def pytest_sessionfinish(self) -> None:
        """Keep what was found out, and what the living change."""
        self.path.write_text(json.dumps(self.verdicts, indent=1))
        living = [
            change
            for one in self.mutated
            for change in one.changes(name for name in one.mutants if self.verdicts.get(name) in (SURVIVED, UNCALLED))
        ]
        self.path.with_suffix(".diff").write_text("\n".join(living))


def measure(item: pytest.Item) -> Measured:
    """Run the test as it is.

    Raises:
        pytest.UsageError: it fails.
    """
    mutants.choose(MEASURING)
    mutants.called()
    started, began = time.process_time(), time.monotonic()
    failure = failed(item)
    mutants.choose(UNCHANGED)
    if failure:
        raise pytest.UsageError(f"{item.nodeid} fails without any mutant: {failure}")
    return Measured(item, mutants.called(), time.process_time() - started, time.monotonic() - began)


def verdict(mutant: str, calling: Sequence[Measured]) -> str:
    """The test that kills it, by failing or by never ending."""
    tests = sorted(calling, key=lambda one: one.price)[:MOST_TESTS]
    place = mmap.mmap(-1, 1)  # shared with the fork
    child = os.fork()
    if not child:
        _try(mutant, tests, place)
    _, status = os.waitpid(child, 0)
    return tests[place[0]].item.nodeid if status else SURVIVED


def _try(mutant: str, tests: Sequence[Measured], place: mmap.mmap) -> None:
    """Ends this process, with 0 if all tests pass; `place` tells which one runs."""
    status = 1
    try:
        mutants.choose(mutant)
        for place[0], one in enumerate(tests):
            _limit(one)
            if failed(one.item):
                break
        else:
            status = 0
    finally:
        os._exit(status)


def _limit(test: Measured) -> None:
    """The process ends at once if the test takes too long from now on."""
    for timer, number, seconds in (
        (signal.ITIMER_PROF, signal.SIGPROF, LEAST_SECONDS + TIMES * test.seconds),
        (signal.ITIMER_REAL, signal.SIGALRM, LEAST_WALL_SECONDS + TIMES * test.wall_seconds),
    ):
        signal.signal(number, signal.SIG_DFL)
        signal.setitimer(timer, seconds)


def failed(item: pytest.Item) -> str:
    """Run the test with its fixtures, those that others share included; why it failed, "" where it did not."""
    nothing: Any = Nothing(item.session)
    reports = runtestprotocol(item, log=False, nextitem=nothing)
    return "\n".join(report.longreprtext or report.when for report in reports if report.failed)


#: When pytest imports this module, nothing of the app is.
MUTATED = mutants.install(os.environ.get(SOURCES, "").split(), os.environ.get(FUNCTIONS, "").split())


def pytest_configure(config: pytest.Config) -> None:
    """Try, once the tests are collected."""
    config.pluginmanager.register(Trials(MUTATED, Path(os.environ[VERDICTS])), "mutation-trials")

"""A pytest plugin that tries each mutant with the tests that call its function, until one fails; all in one process.

A process for each mutant takes a third of a second before its first test, which takes milliseconds. What a mutant
leaves behind is found out at once: the test that failed must pass again without it, or a new process goes on with the
others, and with this one first.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from tests.mutation import mutants
from tests.mutation.mutants import MEASURING, UNCHANGED, Mutated

#: Paths of the modules, with a space between; and where verdicts are kept.
SOURCES, VERDICTS = "MUTATION_SOURCES", "MUTATION_VERDICTS"
#: By which a mutant is still alive, or has no test that calls its function.
SURVIVED, UNCALLED = "", "-"
#: Tests that try one mutant, those first that call little else and are fast.
MOST_TESTS = 60
#: A test that takes so many times as long as it did, or so much longer, hangs; of processor, and by the clock.
TIMES, LEAST_SECONDS, LEAST_WALL_SECONDS = 20, 2.0, 60.0


class TooLong(BaseException):
    """A mutant that never ends; no test may take it for an error of its own."""


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
        self._measure(session.items[0])
        measured = [self._measure(item) for item in session.items]
        to_try = [mutant for one in self.mutated for mutant in one.mutants if mutant not in self.verdicts]
        for place, mutant in enumerate(to_try):
            if not self._try(mutant, measured):
                if place:
                    del self.verdicts[mutant]  # it may have met what an earlier one left
                raise session.Interrupted(f"{mutant} has left something behind")
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

    def _measure(self, item: pytest.Item) -> Measured:
        mutants.choose(MEASURING)
        mutants.called()
        started, began = time.process_time(), time.monotonic()
        failure = failed(item, LEAST_WALL_SECONDS, LEAST_WALL_SECONDS)
        mutants.choose(UNCHANGED)
        if failure:
            raise pytest.UsageError(f"{item.nodeid} fails without any mutant: {failure}")
        return Measured(item, mutants.called(), time.process_time() - started, time.monotonic() - began)

    def _try(self, mutant: str, measured: Sequence[Measured]) -> bool:
        """Store the verdict; does the process go on as if nothing had happened?"""
        calling = [one for one in measured if mutants.function(mutant) in one.functions]
        self.verdicts[mutant] = SURVIVED if calling else UNCALLED
        for one in sorted(calling, key=lambda one: one.price)[:MOST_TESTS]:
            mutants.choose(mutant)
            failure = failed(
                one.item, LEAST_SECONDS + TIMES * one.seconds, LEAST_WALL_SECONDS + TIMES * one.wall_seconds
            )
            mutants.choose(UNCHANGED)
            if failure:
                self.verdicts[mutant] = one.item.nodeid
                return not failed(one.item, LEAST_WALL_SECONDS, LEAST_WALL_SECONDS)
        return True


def failed(item: pytest.Item, seconds: float, wall_seconds: float) -> str:
    """Run the test with its fixtures, those that others share included; why it failed, "" where it did not."""
    nothing: Any = Nothing(item.session)
    try:
        with _limited(seconds, wall_seconds):
            reports = runtestprotocol(item, log=False, nextitem=nothing)
    except TooLong:
        item.session._setupstate.teardown_exact(nothing)
        return "it takes too long"
    return "\n".join(report.longreprtext or report.when for report in reports if report.failed)


@contextmanager
def _limited(seconds: float, wall_seconds: float) -> Iterator[None]:
    limits: Mapping[int, tuple[int, float]] = {
        signal.ITIMER_PROF: (signal.SIGPROF, seconds),
        signal.ITIMER_REAL: (signal.SIGALRM, wall_seconds),
    }

    def end(*_: object) -> None:
        raise TooLong

    for timer, (number, limit) in limits.items():
        signal.signal(number, end)
        signal.setitimer(timer, limit)
    try:
        yield
    finally:
        for timer in limits:
            signal.setitimer(timer, 0)


#: When pytest imports this module, nothing of the app is.
MUTATED = mutants.install(os.environ.get(SOURCES, "").split())


def pytest_configure(config: pytest.Config) -> None:
    """Try, once the tests are collected."""
    config.pluginmanager.register(Trials(MUTATED, Path(os.environ[VERDICTS])), "mutation-trials")

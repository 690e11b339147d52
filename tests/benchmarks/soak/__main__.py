"""`make soak`: the whole suite again and again, and a table of every test that ever failed; exits 1 if any did."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.benchmarks.soak.failures import VARIABLE, XDIST, Failure, noted

ROOT = Path(__file__).resolve().parents[3]
NEVER_SLEEPS = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\nwhile True: pass"
#: By these a make tells another what it was asked: ARGS, which are not the suite's; and a suite what it is a part of.
INHERITED = ("ARGS", "MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "MAKELEVEL", XDIST)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the suite."""

    number: int
    seconds: float
    exit_code: int
    failures: Sequence[Failure]
    last_words: str

    @property
    def passed(self) -> bool:
        """A run that ended badly without a failed test has failed too."""
        return not self.exit_code and not self.failures


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.soak", description=__doc__)
    parser.add_argument("--times", type=int, default=10, help="how often the suite runs")
    parser.add_argument("--busy", action="store_true", help="beside a process that never sleeps, on one core")
    parser.add_argument("--folder", type=Path, default=ROOT / ".state" / "soak", help="where the logs go")
    parser.add_argument("command", nargs="*", default=["make", "test"], help="what runs; make test")
    return parser.parse_args(given)


@contextmanager
def busy() -> Iterator[None]:
    """A process that never sleeps, on one core."""
    process = subprocess.Popen([sys.executable, "-c", NEVER_SLEEPS])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def run(number: int, command: Sequence[str], folder: Path) -> Run:
    """Once, its output in a log."""
    journal, log = folder / f"run-{number}.failures", folder / f"run-{number}.log"
    journal.unlink(missing_ok=True)
    environment = {name: value for name, value in os.environ.items() if name not in INHERITED}
    begun_at = time.monotonic()
    with log.open("wb") as output:
        place = environment | {VARIABLE: str(journal)}
        ended = subprocess.run(command, cwd=ROOT, env=place, stdout=output, stderr=subprocess.STDOUT, check=False)
    lines = log.read_text(errors="replace").split("\n")
    words = next((line.strip("= ") for line in reversed(lines) if line.strip()), "")
    return Run(number, time.monotonic() - begun_at, ended.returncode, noted(journal), words)


def runs_table(runs: Sequence[Run]) -> Table:
    """What became of each."""
    table = Table("run", "seconds", "exit", "failed", "last words", title="Runs")
    for one in runs:
        table.add_row(str(one.number), f"{one.seconds:.0f}", str(one.exit_code), str(len(one.failures)), one.last_words)
    return table


def failures_table(runs: Sequence[Run]) -> Table:
    """Every test that ever failed, and in which runs."""
    table = Table("test", "phase", "run", "at (UTC)", "after seconds", title="Every test that ever failed")
    found = [(failure, one.number) for one in runs for failure in one.failures]
    for failure, number in sorted(found, key=lambda pair: (pair[0].test, pair[1])):
        clock = datetime.fromtimestamp(failure.at, UTC).strftime("%H:%M:%S")
        table.add_row(failure.test, failure.phase, str(number), clock, f"{failure.seconds:.1f}")
    return table


def soak(asked: argparse.Namespace, console: Console) -> int:
    """So many runs, each told as it ends."""
    asked.folder.mkdir(parents=True, exist_ok=True)
    runs: list[Run] = []
    for number in range(1, asked.times + 1):
        runs.append(run(number, asked.command, asked.folder))
        console.print(f"run {number}: {'passed' if runs[-1].passed else 'FAILED'} in {runs[-1].seconds:.0f} s")
    console.print(runs_table(runs))
    if any(one.failures for one in runs):
        console.print(failures_table(runs))
    passed = sum(one.passed for one in runs)
    console.print(f"{passed} of {len(runs)} passed; logs in {asked.folder}")
    return 0 if passed == len(runs) else 1


def main() -> int:
    """Exit code 1 if any run failed."""
    asked = arguments()
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    if not asked.busy:
        return soak(asked, console)
    with busy():
        return soak(asked, console)


if __name__ == "__main__":
    sys.exit(main())

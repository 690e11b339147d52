"""B1: what a save costs a request, and loading a row, beside a Django that doesn't have the app."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from deploy.local import Postgres, Redis
from deploy.local.stack import ROOT
from tests.benchmarks.figures import Aim, Figure

KINDS = ("bare", "raw", "quiet", "ours")
ROUNDS = 20
#: For what the announcing does after the commit, so that it falls on nobody else.
PAUSE_SECONDS = 0.05
#: Aims of a save alone, and of twenty in a transaction.
AIMS = {"PostgreSQL": (1.45, 1.6), "SQLite": (1.6, 1.8)}


class Desk:
    """A process of `tests.benchmarks.desk`."""

    def __init__(self, kind: str, *addresses: str) -> None:
        command = [sys.executable, "-m", "tests.benchmarks.desk", kind, *addresses]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def ask(self, *order: str | int) -> list[float]:
        """Microseconds that each time took."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{json.dumps(order)}\n")
        self._process.stdin.flush()
        answer: list[float] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """It ends with its input."""
        self._process.communicate()


@contextmanager
def desks(kind_of_database: str, kinds: tuple[str, ...] = KINDS) -> Iterator[dict[str, Desk]]:
    """One of each kind, over one database."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="benchmark-")))
        redis = stack.enter_context(Redis(folder))
        url = f"sqlite:///{folder}/press.sqlite3"
        if kind_of_database == "PostgreSQL":
            url = stack.enter_context(Postgres(folder, durable=True)).create_database("press")
        opened = {kind: Desk(kind, url, redis.url().rpartition("/")[0]) for kind in kinds}
        for desk in opened.values():
            stack.callback(desk.close)
        opened["ours"].ask("create")
        yield opened


def medians(opened: dict[str, Desk], *order: Any) -> dict[str, float]:
    """Microseconds of each kind, asked in turn, so that what else the machine does falls on all alike."""
    taken: defaultdict[str, list[float]] = defaultdict(list)
    for _ in range(ROUNDS):
        for kind, desk in opened.items():
            taken[kind] += desk.ask(*order)
            time.sleep(PAUSE_SECONDS)
    return {kind: statistics.median(times) for kind, times in taken.items()}


def figures() -> Iterator[Figure]:
    """On both databases."""
    for database, (alone, twenty) in AIMS.items():
        with desks(database) as opened:
            medians(opened, "save", 1, 5)  # connections, statements, imports
            yield from _saves(database, medians(opened, "save", 1, 20), "one save a transaction", alone)
            yield from _saves(database, medians(opened, "save", 20, 3), "twenty saves a transaction", twenty)
            found = medians({kind: opened[kind] for kind in ("bare", "ours")}, "load", 3)
            aim = Aim("≤", 1.05, "ratio")
            yield Figure("B1", f"{database}: 1,000 rows loaded", found["ours"], "µs", found["bare"], "bare Django", aim)


def _saves(database: str, found: dict[str, float], what: str, most: float) -> Iterator[Figure]:
    labels = {"ours": what, "quiet": f"{what}, not announced", "raw": f"{what}, and one INSERT by hand"}
    for kind, label in labels.items():
        aim = Aim("≤", most, "ratio") if kind == "ours" else None
        yield Figure("B1", f"{database}: {label}", found[kind], "µs", found["bare"], "bare Django", aim)

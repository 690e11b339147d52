"""`make mutation`: small faults in the code, one at a time, at each of which a test must fail; exits 1 below 90 %."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

from rich.console import Console
from rich.table import Table

from tests.benchmarks.mutation.mutants import module
from tests.benchmarks.mutation.parts import Part, selected
from tests.benchmarks.mutation.plugin import FOLDER
from tests.benchmarks.mutation.trials import FUNCTIONS, SOURCES, SURVIVED, UNCALLED, VERDICTS

ROOT = Path(__file__).resolve().parents[3]
STATE = ROOT / ".state" / "mutation"
MEMORY = Path("/dev/shm")
LEAST_SCORE = 0.9
#: Among the arguments: only mutants that were alive the last time, of the same code, are tried again.
LIVING = "--living"
#: Politeness of processes that take long.
NICE = 15
#: Without the order of files of other runs, and without what looks through all garbage at the end.
PLUGINS = (
    "tests.benchmarks.mutation.trials", "tests.benchmarks.mutation.plugin",
    "no:tests.fixtures.order", "no:cacheprovider", "no:unraisableexception", "no:threadexception",
)  # fmt: skip
OPTIONS = ("--quiet", "--assert=plain", "--tb=native", "--timeout=0", *(f"-p{plugin}" for plugin in PLUGINS))


def tried(part: Part, sources: Sequence[str], *, anew: bool) -> dict[str, str]:
    """Which test killed each mutant; not `anew`: or had killed it by the last time."""
    STATE.mkdir(parents=True, exist_ok=True)
    verdicts = STATE / f"{part.name}.json"
    if anew:
        verdicts.unlink(missing_ok=True)
    databases = (MEMORY if MEMORY.is_dir() else STATE) / f"mutation-{os.getuid()}"
    names = {SOURCES: " ".join(sources), FUNCTIONS: " ".join(part.functions)}
    told = {**names, VERDICTS: str(verdicts), FOLDER: str(databases)}
    command = [sys.executable, "-m", "pytest", *OPTIONS, *part.tests]
    if subprocess.run(command, cwd=ROOT, env={**os.environ, **told}, check=False).returncode:
        raise SystemExit(f"The tests of {part.name} fail without any mutant; pytest says so above.")
    found: dict[str, str] = json.loads(verdicts.read_text())
    return found


def main(wanted: Sequence[str]) -> int:
    """Exit code."""
    os.nice(max(0, NICE - os.nice(0)))
    table, total = Table("module", "mutants", "killed", "survived", "without a test"), Counter[str]()
    parts, anew = list(selected(name for name in wanted if name != LIVING)), LIVING not in wanted
    with ThreadPoolExecutor(os.cpu_count()) as processes:
        found = list(processes.map(lambda one: tried(*one, anew=anew), parts))
    for (_part, sources), verdicts in zip(parts, found, strict=True):
        for source in sources:
            own = Counter(verdict for name, verdict in verdicts.items() if name.rpartition(".")[0] == module(source))
            counts = {"mutants": own.total(), "killed": own.total() - own[SURVIVED] - own[UNCALLED]}
            table.add_row(source, *map(str, (*counts.values(), own[SURVIVED], own[UNCALLED])))
            total.update(counts)
    score = total["killed"] / max(total["mutants"], 1)
    minutes = sum(getrusage(RUSAGE_CHILDREN)[:2]) / 60
    console = Console(width=120)
    console.print(
        table, f"{total['killed']} of {total['mutants']}: {score:.1%}, in {minutes:.1f} minutes of processor."
    )
    console.print(f"The others: {STATE}/*.diff")
    return 0 if score >= LEAST_SCORE else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

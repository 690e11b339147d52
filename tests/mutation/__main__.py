"""`make mutation`: small faults are put into the code, one at a time, and a test must fail at each; exits 1 below 90 %.

mutmut makes the mutants and runs the tests; this gives it one part of the code at a time with the tests that are about
it, for mutmut's own choice, every test that touches a function, takes hours where everything touches everything.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.mutation.parts import Part, selected
from tests.mutation.plugin import FOLDER

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".state" / "mutation"
MUTMUT = ROOT / ".venv-mutation" / "bin" / "mutmut"
MEMORY = Path("/dev/shm")
NEEDED = ("invalidation", "tests", "project", "deploy", "workers", "manage.py", "pyproject.toml")
LEAST_SCORE = 0.9
#: What mutmut's exit codes of the tests mean; any other has killed the mutant.
SURVIVED, WITHOUT_TEST, UNTRIED = 0, (5, 33), None

#: Plugins that none of these tests needs: each mutant pays for them, and for all the garbage that they look through.
#: The order of files is to be mutmut's: what is fast comes first.
LEFT_OUT = (
    "tests.fixtures.order", "cacheprovider", "unraisableexception", "threadexception", "schemathesis", "playwright",
    "pytest_celery", "anyio", "logging",
)  # fmt: skip
#: Politeness of a process that takes an hour.
NICE = 15

CONFIGURATION = """[mutmut]
source_paths=invalidation
only_mutate=
{sources}
also_copy=
{needed}
pytest_add_cli_args_test_selection=
{tests}
pytest_add_cli_args=
 -p
 tests.mutation.plugin
{plugins}
 --timeout
 0
process_isolation=forkserver
timeout_constant=4
timeout_multiplier=20
"""


def lines(values: Iterable[str]) -> str:
    """As a list in an INI file."""
    return "\n".join(f" {value}" for value in values)


def prepared(part: Part) -> Path:
    """A folder in which mutmut finds the repository and what this part needs."""
    folder = STATE / part.name
    folder.mkdir(parents=True, exist_ok=True)
    for name in NEEDED:
        if not (folder / name).exists():
            (folder / name).symlink_to(ROOT / name)
    tests = [test for test in part.tests if (ROOT / test).exists()]
    written = CONFIGURATION.format(
        sources=lines(part.sources),
        needed=lines(NEEDED[2:]),
        tests=lines(tests),
        plugins=lines(f"-p\n no:{name}" for name in LEFT_OUT),
    )
    (folder / "setup.cfg").write_text(written)
    return folder


def environment() -> dict[str, str]:
    """Of mutmut and its tests: few examples where they are made up, for each mutant has them again."""
    databases = (MEMORY if MEMORY.is_dir() else STATE) / f"mutation-{os.getuid()}"
    return {**os.environ, FOLDER: str(databases), "FUZZ_EXAMPLES": "25"}


def run(part: Part, sources: Sequence[str]) -> None:
    """Try what has not been tried yet; by name where not all of the part is wanted."""
    folder = prepared(part)
    names = [] if set(sources) == set(part.sources) else [f"{module(source)}.*" for source in sources]
    command = [str(MUTMUT), "run", "--max-children", "1", *names]
    subprocess.run(command, cwd=folder, env=environment(), check=True)


def module(source: str) -> str:
    """The name under which it is imported."""
    return source.removesuffix(".py").replace("/", ".")


def tried(part: Part, source: str) -> Mapping[str, int | None]:
    """What came of each mutant of a module."""
    path = STATE / part.name / "mutants" / f"{source}.meta"
    codes: dict[str, int | None] = json.loads(path.read_text())["exit_code_by_key"] if path.exists() else {}
    return codes


def living(codes: Mapping[str, int | None]) -> list[str]:
    """Mutants that no test has noticed."""
    return [name for name, code in codes.items() if code in (SURVIVED, *WITHOUT_TEST)]


def shown(part: Part, names: Iterable[str]) -> Iterator[str]:
    """What each of these changes."""
    for name in names:
        command = [str(MUTMUT), "show", name]
        yield subprocess.run(command, cwd=STATE / part.name, capture_output=True, text=True, check=True).stdout


def counted(part: Part, sources: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """Of each module how many mutants were tried, and how many of them live; what these change goes to a file."""
    survivors: list[str] = []
    for source in sources:
        codes = tried(part, source)
        alive = living(codes)
        survivors += alive
        yield source, sum(code is not UNTRIED for code in codes.values()), len(alive)
    (STATE / f"{part.name}.diff").write_text("\n".join(shown(part, survivors)))


def main(wanted: Sequence[str]) -> int:
    """Exit code."""
    os.nice(max(0, NICE - os.nice(0)))
    table, total = Table("module", "mutants", "killed", "survived"), Counter[str]()
    for part, sources in selected(wanted):
        run(part, sources)
        for source, mutants, alive in counted(part, sources):
            table.add_row(source, str(mutants), str(mutants - alive), str(alive))
            total.update(mutants=mutants, killed=mutants - alive)
    score = total["killed"] / max(total["mutants"], 1)
    Console().print(table, f"{total['killed']} of {total['mutants']} killed: {score:.1%}. Survivors: {STATE}/*.diff")
    return 0 if score >= LEAST_SCORE else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

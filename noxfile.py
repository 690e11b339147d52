"""`make matrix`: what was tested with what, and the table of it in docs/reference/versions.md.

Nine of all combinations, so that each version of anything meets each version of everything else (a Latin square).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import nox

ROOT = Path(__file__).parent
RESULTS = ROOT / ".state" / "matrix"
PAGE = ROOT / "docs" / "reference" / "versions.md"
BEGIN, END = "<!-- matrix: begin -->\n", "<!-- matrix: end -->\n"
MARIADB = ("mysqlclient==2.2.8",)  # Django's own choice of client
#: Besides whatever touches a database: workers, and what is kept in Redis.
REST = (
    "tests/workers/test_workers.py",
    "tests/workers/test_announcer.py",
    "tests/caching",
    "tests/freshness/test_index.py",
)

VERSIONS = """
import json, platform
from importlib.metadata import version
names = {"django": "Django", "celery": "celery", "kombu": "kombu", "redis": "redis"}
print(json.dumps({"python": platform.python_version()} | {key: version(name) for key, name in names.items()}))
"""

nox.options.default_venv_backend = "uv"
nox.options.sessions = ["tests", "table"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination; versions are prefixes."""

    python: str
    django: str
    database: str
    celery: str
    redis: str
    resolution: str = "highest"

    @property
    def name(self) -> str:
        """Of its session and of its result."""
        return f"django{self.django}-{self.database}"

    @property
    def wanted(self) -> list[str]:
        """What pip is asked for besides the project."""
        return [f"Django=={self.django}.*", f"celery=={self.celery}.*", f"redis=={self.redis}.*"]


CELLS = (
    Cell("3.11", "5.2", "sqlite", "5.5", "6.4", "lowest-direct"),
    Cell("3.11", "5.2", "postgresql", "5.6", "7"),
    Cell("3.11", "5.2", "mariadb", "5.7", "8"),
    Cell("3.12", "6.0", "sqlite", "5.6", "8"),
    Cell("3.12", "6.0", "postgresql", "5.7", "6.4"),
    Cell("3.12", "6.0", "mariadb", "5.5", "7"),
    Cell("3.13", "6.1", "sqlite", "5.7", "7"),
    Cell("3.13", "6.1", "postgresql", "5.5", "8"),
    Cell("3.13", "6.1", "mariadb", "5.6", "6.4"),
)


def of_databases() -> list[str]:
    """Files with tests that run on every database; the others need not even be read."""
    found = (ROOT / "tests").rglob("test_*.py")
    return sorted(str(file.relative_to(ROOT)) for file in found if "mark.databases" in file.read_text())


def suite(session: nox.Session, cell: Cell) -> list[Path]:
    """Runs the tests; the files that say what became of each."""
    on_the_server, beside = (RESULTS / f"{cell.name}-{part}.xml" for part in ("databases", "rest"))
    pytest = ["python", "-m", "pytest", "--quiet", "--numprocesses", "2", "--dist", "loadfile"]
    server = [] if cell.database == "sqlite" else ["python", "-m", "deploy.local.with_database", cell.database]
    session.run(*server, *pytest, f"--junitxml={on_the_server}", "-m", "databases", *of_databases())
    session.run(*pytest, f"--junitxml={beside}", "-m", "not databases", *REST)
    return [on_the_server, beside]


@nox.session
@nox.parametrize("python,cell", [nox.param(cell.python, cell, id=cell.name) for cell in CELLS])
def tests(session: nox.Session, cell: Cell) -> None:
    """The tests of databases on the cell's, and those of workers, Redis and cached values."""
    groups = ("--group", "site", "--group", "test")
    client = MARIADB if cell.database == "mariadb" else ()
    resolution = ("--resolution", cell.resolution)
    session.install(
        *resolution,
        "--editable",
        ".",
        "--requirements",
        "pyproject.toml",
        "--all-extras",
        *groups,
        *cell.wanted,
        *client,
    )
    RESULTS.mkdir(parents=True, exist_ok=True)
    reports = suite(session, cell)
    versions = session.run("python", "-c", VERSIONS, silent=True)
    result = {"cell": asdict(cell), "versions": json.loads(str(versions)), "tests": counted(reports)}
    (RESULTS / f"{cell.name}.json").write_text(json.dumps(result))


@nox.session(python=False)
def table(session: nox.Session) -> None:
    """Write what the sessions found."""
    found = [json.loads(file.read_text()) for cell in CELLS if (file := RESULTS / f"{cell.name}.json").exists()]
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(before + BEGIN + "\n".join(rows(found)) + "\n" + END + after)


def counted(reports: Iterable[Path]) -> dict[str, int]:
    """How many tests passed and were left out; the runs have failed already if any failed."""
    trees = map(ET.parse, reports)
    suites = [one for tree in trees for one in tree.iter("testsuite")]
    total, skipped = (sum(int(one.attrib[name]) for one in suites) for name in ("tests", "skipped"))
    return {"passed": total - skipped, "skipped": skipped}


def rows(found: Iterable[dict[str, Any]]) -> Iterator[str]:
    """A table in Markdown."""
    names = ("python", "django", "database", "celery", "kombu", "redis")
    yield "| Python | Django | database | Celery | kombu | redis-py | resolution | passed | left out |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for one in found:
        versions = one["versions"] | {"database": one["cell"]["database"]}
        tests = one["tests"]
        told = [*(versions[name] for name in names), one["cell"]["resolution"], tests["passed"], tests["skipped"]]
        yield f"| {' | '.join(map(str, told))} |"

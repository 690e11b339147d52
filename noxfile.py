"""`make matrix`: what was tested with what, and the table of it in docs/reference/versions.md.

Nine of all combinations, so that each version of anything meets each version of everything else (a Latin square); and
three of them with each broker.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import nox

ROOT = Path(__file__).parent
RESULTS = ROOT / ".state" / "matrix"
PAGE = ROOT / "docs" / "reference" / "versions.md"
MARIADB = ("mysqlclient==2.2.8",)  # Django's own choice of client
#: Besides whatever touches a database: workers, and what is kept in Redis.
REST = (
    "tests/integration/workers/test_workers.py",
    "tests/integration/workers/test_announcer.py",
    "tests/unit/caching",
    "tests/integration/freshness/test_index.py",
)

#: By their files of tests, each of which starts its own.
BROKERS = {
    "Redis": "tests/integration/workers/test_workers.py",
    "Valkey": "tests/integration/workers/test_valkey.py",
    "RabbitMQ": "tests/integration/workers/test_rabbitmq.py",
}

FAILED = ("failure", "error")

VERSIONS = """
import json, platform
from importlib.metadata import version
names = {"django": "Django", "celery": "celery", "kombu": "kombu", "redis": "redis"}
print(json.dumps({"python": platform.python_version()} | {key: version(name) for key, name in names.items()}))
"""

nox.options.default_venv_backend = "uv"
nox.options.sessions = ["tests", "brokers", "table"]


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
#: One for each Celery.
ON_EACH_BROKER = tuple(cell for cell in CELLS if cell.database == "sqlite")


def of_databases() -> list[str]:
    """Files with tests that run on every database; the others need not even be read."""
    found = (ROOT / "tests").rglob("test_*.py")
    return sorted(str(file.relative_to(ROOT)) for file in found if "mark.databases" in file.read_text())


def suite(session: nox.Session, cell: Cell) -> dict[str, str]:
    """Runs the tests, those that fail too; what became of each."""
    server = [] if cell.database == "sqlite" else ["python", "-m", "deploy.local.with_database", cell.database]
    on_the_server = part(session, f"{cell.name}-databases", server, "-m", "databases", *of_databases())
    return on_the_server | part(session, f"{cell.name}-rest", [], "-m", "not databases", *REST)


def part(session: nox.Session, name: str, wrapper: Iterable[str], *chosen: str) -> dict[str, str]:
    """Some of them, remembered under the name; `--last-failed` chooses nothing where nothing failed."""
    pytest = ["python", "-m", "pytest", "--quiet", "--numprocesses", "2", "--dist", "loadfile"]
    kept = ["-o", f"cache_dir={RESULTS / name}", "--last-failed-no-failures", "none"]
    report = RESULTS / f"{name}.xml"
    session.run(*wrapper, *pytest, *kept, f"--junitxml={report}", *chosen, *session.posargs, success_codes=[0, 1, 5])
    return outcomes(report)


def outcomes(report: Path) -> dict[str, str]:
    """What became of each test: passed, skipped, failure or error."""
    found: dict[str, str] = {}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - pytest wrote it just now
        became = next((child.tag for child in case if child.tag in ("skipped", *FAILED)), "passed")
        name = f"{case.attrib['classname']}.{case.attrib['name']}"
        if found.get(name) not in FAILED:  # an error of what cleans up after it stands for itself
            found[name] = became
    return found


def install(session: nox.Session, cell: Cell) -> dict[str, str]:
    """The cell's versions, as they turned out to be; none with `--install-only`."""
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
    versions = session.run("python", "-c", VERSIONS, silent=True)
    return dict(json.loads(str(versions))) if versions else {}


def keep(session: nox.Session, name: str, found: dict[str, Any], run: Callable[[], dict[str, str]]) -> list[str]:
    """What became of the tests, with that of earlier ones where only what failed runs again; gives what failed."""
    file = RESULTS / f"{name}.json"
    earlier = json.loads(file.read_text())["outcomes"] if "--last-failed" in session.posargs else {}
    outcomes = earlier | run()
    file.write_text(json.dumps({**found, "outcomes": outcomes}))
    return [name for name, became in outcomes.items() if became in FAILED]


def judge(session: nox.Session, failed: Iterable[str]) -> None:
    """It has failed if any of them has."""
    if named := list(failed):
        session.error("\n".join(["Failed:", *named]))


@nox.session
@nox.parametrize("python,cell", [nox.param(cell.python, cell, id=cell.name) for cell in CELLS])
def tests(session: nox.Session, cell: Cell) -> None:
    """The tests of databases on the cell's, and of workers, Redis and cached values; `-- --last-failed` goes on."""
    if versions := install(session, cell):
        found = {"cell": asdict(cell), "versions": versions}
        judge(session, keep(session, cell.name, found, partial(suite, session, cell)))


@nox.session
@nox.parametrize("python,cell", [nox.param(cell.python, cell, id=cell.celery) for cell in ON_EACH_BROKER])
def brokers(session: nox.Session, cell: Cell) -> None:
    """The tests of workers on each broker, by each Celery."""
    if not (versions := install(session, cell)):
        return
    failed = list[str]()
    for broker, file in BROKERS.items():
        name = brokers_name(cell, broker)
        found = {"broker": broker, "versions": versions}
        failed += keep(session, name, found, partial(part, session, name, [], file))
    judge(session, failed)


def brokers_name(cell: Cell, broker: str) -> str:
    """Of its result."""
    return f"celery{cell.celery}-{broker}"


@nox.session(python=False)
def table(session: nox.Session) -> None:
    """Write what every session found; with one that failed or never ran the tables stay as they are."""
    cells = [cell.name for cell in CELLS]
    brokers = [brokers_name(cell, broker) for broker in BROKERS for cell in ON_EACH_BROKER]
    found = {name: one for name in (*cells, *brokers) if (one := green(name))}
    if missing := [name for name in (*cells, *brokers) if name not in found]:
        session.error(f"Nothing is written, for these have no result without a failure: {', '.join(missing)}")
    write("matrix", rows(found[name] for name in cells))
    write("brokers", broker_rows(found[name] for name in brokers))


def green(name: str) -> dict[str, Any] | None:
    """The result of this name, if there is one in which nothing failed."""
    file = RESULTS / f"{name}.json"
    found: dict[str, Any] | None = json.loads(file.read_text()) if file.exists() else None
    return found if found and not {*FAILED} & {*found["outcomes"].values()} else None


def write(name: str, lines: Iterable[str]) -> None:
    """Between the marks of that name in the page."""
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->\n"
    before, _, rest = PAGE.read_text().partition(begin)
    after = rest.partition(end)[2]
    PAGE.write_text(before + begin + "\n".join(lines) + "\n" + end + after)


def broker_rows(found: Iterable[dict[str, Any]]) -> Iterator[str]:
    """A table in Markdown."""
    names = ("celery", "kombu", "redis", "python", "django")
    yield "| broker | Celery | kombu | redis-py | Python | Django | passed |"
    yield "|---|---|---|---|---|---|---|"
    for one in found:
        told = [one["broker"], *(one["versions"][name] for name in names), Counter(one["outcomes"].values())["passed"]]
        yield f"| {' | '.join(map(str, told))} |"


def rows(found: Iterable[dict[str, Any]]) -> Iterator[str]:
    """A table in Markdown."""
    names = ("python", "django", "database", "celery", "kombu", "redis")
    yield "| Python | Django | database | Celery | kombu | redis-py | resolution | passed | left out |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for one in found:
        versions = one["versions"] | {"database": one["cell"]["database"]}
        became = Counter(one["outcomes"].values())
        counts = (became["passed"], became["skipped"])
        told = [*(versions[name] for name in names), one["cell"]["resolution"], *counts]
        yield f"| {' | '.join(map(str, told))} |"

"""What is imported is declared, where it is needed, and pinned."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
#: Several distributions share these names; of one all the others are made.
NAMESPACES = {"opentelemetry": ["opentelemetry-api"]}
OWN = {"invalidation", "workers", "project", "deploy", "tests"}
LIBRARY = PYPROJECT["project"]["dependencies"]
EXTRAS = [line for lines in PYPROJECT["project"].get("optional-dependencies", {}).values() for line in lines]
GROUPS = PYPROJECT["dependency-groups"]


def names(requirements: Iterable[str]) -> set[str]:
    """Canonical names of requirements (PEP 503)."""
    return {re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~; ]", line)[0]).lower() for line in requirements}


def imported(folder: str) -> set[str]:
    """Names of the distributions that a folder's modules import; a benchmark fetches the rivals it compares."""
    modules = set()
    for path in set((ROOT / folder).rglob("*.py")) - set((ROOT / "tests/benchmarks").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules.add(node.module.partition(".")[0])
    known = {**packages_distributions(), **NAMESPACES}
    return names(known.get(module, [module])[0] for module in modules - OWN - sys.stdlib_module_names)


#: What a project gets that asks for no extra. More is a reason not to adopt the app.
MOST_HARD_DEPENDENCIES = 5
#: Those that the customer has chosen for this repository; they stay in use, though most of them are extras.
CHOSEN = {"boto3", "celery", "django", "kombu", "pytest-celery", "redis", "requests", "structlog", "tenacity"}


def test_five_hard_dependencies_are_the_most() -> None:
    assert len(LIBRARY) <= MOST_HARD_DEPENDENCIES, LIBRARY


def test_every_range_has_a_lower_bound_and_lets_several_releases_in() -> None:
    assert [line for line in [*LIBRARY, *EXTRAS] if ">=" not in line or "==" in line] == []


def test_what_was_chosen_for_the_repository_is_used_and_pinned() -> None:
    used = imported("invalidation") | imported("workers") | imported("project") | imported("tests")
    assert used >= CHOSEN
    assert set(re.findall(r"^([a-z0-9-]+)(?:\[[a-z,]+\])?==", requirements(), re.MULTILINE)) >= CHOSEN


def test_the_library_declares_what_it_imports() -> None:
    assert imported("invalidation") <= names([*LIBRARY, *EXTRAS])


@pytest.mark.parametrize(
    ("folder", "groups"),
    [
        ("project", ["site"]),
        ("workers", ["site"]),
        ("deploy", ["site", "docs"]),
        ("tests", ["site", "test", "mutation"]),
    ],
)
def test_the_repository_declares_what_it_imports(folder: str, groups: list[str]) -> None:
    declared = [*LIBRARY, *EXTRAS, *(line for group in groups for line in GROUPS[group])]
    assert imported(folder) <= names(declared)


def test_everything_declared_is_pinned_with_a_hash() -> None:
    pins = re.findall(r"^([a-z0-9-]+)(?:\[[a-z,]+\])?==\S+ \\\n +--hash=sha256:", requirements(), re.MULTILINE)
    declared = [*LIBRARY, *EXTRAS, *(line for lines in GROUPS.values() for line in lines)]
    assert names(declared) <= set(pins)


def test_the_pins_name_no_package_index() -> None:
    assert not re.search(r"index-url|find-links|https?://|file:", requirements())


def requirements() -> str:
    """The pins."""
    files = ("requirements.txt", "requirements-docs.txt", "requirements-mutation.txt")
    return "".join((ROOT / name).read_text() for name in files)

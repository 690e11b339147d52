"""A row of each table is written, and asked for, by one module."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from invalidation import models
from tests.adoption.documentation.commands import ROOT

APP = ROOT / "invalidation"
#: Each table's module; the others ask it.
OWNERS = {
    "Event": "events",
    "Batch": "batches",
    "Delivery": "deliveries",
    "Verification": "verifications",
    "ScheduledEvent": "instants",
    "Sample": "samples",
    "Attempt": "attempts",
}
#: Tables of an integration, each written by its module too.
INTEGRATIONS = ("contrib/ninja/rows/tokens", "contrib/ninja/rows/answers")
WRITES = frozenset({"update", "create", "bulk_create", "bulk_update", "get_or_create", "update_or_create", "delete"})
#: Where rows of the site are written, not ours.
OTHERS = (
    "invalidation/monitor/",
    "invalidation/managers.py",
    "invalidation/providers/",
    "invalidation/emission/rows/",
    "invalidation/testing/",
    "invalidation/caching/",
)


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Every module of the app that might touch our tables."""
    for path in sorted(APP.rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if "/migrations/" not in name and not name.startswith(OTHERS):
            yield name, ast.parse(path.read_text())


def named(tree: ast.AST) -> set[str]:
    """Models whose manager is named."""
    return {
        node.value.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in ("objects", "_default_manager", "_base_manager")
        and isinstance(node.value, ast.Name)
        and node.value.id in OWNERS
    }


def written(tree: ast.AST) -> set[str]:
    """Calls that write rows: `update` of a dictionary names no columns, and a decorator `delete` a method of HTTP."""
    decorators = {one for node in ast.walk(tree) for one in getattr(node, "decorator_list", ())}
    return {
        node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and node not in decorators
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in WRITES | {"_raw_delete"}
        and (node.func.attr != "update" or node.keywords)
    }


def statuses(tree: ast.AST) -> set[str]:
    """Statements of SQL that change our tables."""
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {text for text in texts if text.startswith(("UPDATE ", "INSERT INTO ", "DELETE FROM "))}


def test_every_table_has_its_module() -> None:
    ours = {name for name, value in vars(models).items() if isinstance(value, type) and hasattr(value, "objects")}
    assert ours == set(OWNERS)
    assert [name for name in OWNERS.values() if not (APP / "rows" / f"{name}.py").exists()] == []


def test_a_table_s_manager_is_named_by_its_module_alone() -> None:
    found = {(name, Path(module).stem, module.split("/")[1]) for module, tree in modules() for name in named(tree)}
    assert found == {(name, owner, "rows") for name, owner in OWNERS.items()}


def test_rows_are_written_in_the_modules_of_their_tables_alone() -> None:
    writers = {module for module, tree in modules() if written(tree) or statuses(tree)}
    own = (f"rows/{name}" for name in (*OWNERS.values(), "statements"))
    allowed = {f"invalidation/{name}.py" for name in (*own, *INTEGRATIONS)}
    assert writers - allowed == set()

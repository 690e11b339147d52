"""No modules of the app need each other, not even for types or at their first use: each can be read by itself."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from tests.fixtures.servers import ROOT

Graph = Mapping[str, Collection[str]]


def name_of(path: Path) -> str:
    """The name by which it is imported."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def named(source: str) -> Iterator[str]:
    """What a module imports anywhere in it, and what `lazy.call` would: names of modules, or of what is in them."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{one.name}" for one in node.names)
        elif isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "lazy.call":
            yield from (str(one.value) for one in node.args if isinstance(one, ast.Constant))


def imported(source: str, modules: Collection[str]) -> set[str]:
    """Those of `modules` that a module needs."""
    return {name if name in modules else name.rpartition(".")[0] for name in named(source)} & set(modules)


def graph() -> Graph:
    """Every module of the app with those that it needs."""
    sources = {name_of(path): path.read_text() for path in (ROOT / "invalidation").rglob("*.py")}
    return {name: imported(source, sources) for name, source in sources.items()}


def reached(modules: Graph, start: str) -> set[str]:
    """What a module needs, directly or not."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = set(modules[waiting.pop()]) - found
        found |= new
        waiting += new
    return found


def circles(modules: Graph) -> list[list[str]]:
    """Modules that need each other, a list for each circle."""
    reach = {name: reached(modules, name) for name in modules}
    members = {frozenset(other for other in reach[name] if name in reach[other]) for name in modules}
    return sorted(sorted(circle) for circle in members if circle)


def test_no_modules_of_the_app_need_each_other() -> None:
    assert circles(graph()) == []


def test_a_circle_is_found_with_all_that_are_in_it_and_nobody_else() -> None:
    modules = {"above": {"one"}, "one": {"two"}, "two": {"three", "below"}, "three": {"one"}, "below": set[str]()}
    assert circles(modules) == [["one", "three", "two"]]


def test_imports_for_types_of_functions_and_at_the_first_call_count() -> None:
    source = """
if TYPE_CHECKING:
    from package.types import Name
from package import module
_call = lazy.call("package.later.function")
def function():
    import package.inside
"""
    modules = ["package", "package.types", "package.module", "package.later", "package.inside", "package.other"]
    assert imported(source, modules) == set(modules) - {"package", "package.other"}

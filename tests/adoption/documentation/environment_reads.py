"""Finds what reads the process environment: in the syntax trees of the code, and in the files that start processes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.adoption.documentation.commands import ROOT

#: What runs, and what starts it. The first two read it by the functions of `environment`, which alone asks `os`.
CODE = ("manage.py", "project", "workers", "invalidation", "deploy")
WRAPPERS = ROOT / "project/settings/environment.py"
TEXTS = ("Procfile", "deploy/containers/*", "deploy/systemd/*", "deploy/setup.sh")
#: `${NAME}`, `${NAME:-default}`, `${NAME:?}` and `$NAME`.
EXPANSION = re.compile(r"\$(?:\{([A-Z][A-Z0-9_]+)(?:(:?[-?])([^}]*))?\}|([A-Z][A-Z0-9_]+))")
#: What a file that reads any has in it, as `os.environ` and `environment.text` both have.
MENTION = "environ"
READERS = ("text", "words", "flag", "required")


@dataclass(frozen=True, slots=True)
class Read:
    """A place that reads a variable."""

    name: str
    file: str
    default: str = ""
    """As the code has it; "" for none."""

    required: bool = False
    process: str = ""
    """Whose line of the Procfile."""


class Unresolved(ValueError):
    """A variable is read whose name the code doesn't say."""


@cache
def reads() -> tuple[Read, ...]:
    """Every one, in the order of files and lines."""
    files = [file for name in CODE for file in _files(ROOT / name) if file != WRAPPERS]
    texts = [file for pattern in TEXTS for file in sorted(ROOT.glob(pattern))]
    code = {file: source for file in files if MENTION in (source := file.read_text()) or "getenv" in source}
    found = [read for file, source in code.items() for read in in_code(source, str(file.relative_to(ROOT)))]
    found += [read for file in texts for read in in_text(file.read_text(), str(file.relative_to(ROOT)))]
    return tuple(found)


def _files(place: Path) -> list[Path]:
    return [place] if place.is_file() else sorted(place.rglob("*.py"))


def in_text(text: str, file: str) -> Iterator[Read]:
    """What a shell or compose puts in; variables that the text itself sets are its own."""
    own = set(re.findall(r"^\s*(?:for )?([A-Z][A-Z0-9_]+)=", text, re.MULTILINE))
    for line in text.splitlines():
        process = line.partition(":")[0] if file == "Procfile" else ""
        for match in EXPANSION.finditer("" if line.lstrip().startswith("#") else line):
            name = match[1] or match[4]
            if name not in own:
                yield Read(name, file, match[3] or "", required=(match[2] or "").endswith("?"), process=process)


def in_code(source: str, file: str) -> Iterator[Read]:
    """What `os.environ`, `os.getenv` and the functions of `environment` are asked for.

    Raises:
        Unresolved: the name is neither written there, nor a constant, nor what callers in the same file give.
    """
    tree = ast.parse(source)
    constants = _constants(tree)
    for node in ast.walk(tree):
        asked = _asked(node)
        if asked is None:
            continue
        names = list(_names(asked, tree, constants))
        if not names:
            raise Unresolved(f"{file}:{node.lineno}: {ast.unparse(node)}")  # type: ignore[attr-defined]
        for name in names:
            yield Read(name, file, _default(node), required=ast.unparse(node).startswith("environment.required"))


def _asked(node: ast.AST) -> ast.expr | None:
    """The expression for the name, where this node is a read."""
    if isinstance(node, ast.Subscript) and _path(node.value) == "os.environ" and isinstance(node.ctx, ast.Load):
        return node.slice
    if not isinstance(node, ast.Call) or not node.args:
        return None
    functions = {"os.environ.get", "os.environ.setdefault", "os.environ.pop", "os.getenv"}
    return node.args[0] if _path(node.func) in functions | {f"environment.{name}" for name in READERS} else None


def _path(node: ast.expr) -> str:
    return ast.unparse(node) if isinstance(node, ast.Attribute) else ""


def _default(node: ast.AST) -> str:
    """The second argument as it is written, texts without their quotes."""
    if not isinstance(node, ast.Call):
        return ""
    given = [*node.args[1:], *(keyword.value for keyword in node.keywords if keyword.arg == "default")]
    if not given:
        return ""
    return str(given[0].value) if isinstance(given[0], ast.Constant) else ast.unparse(given[0])


def _constants(tree: ast.Module) -> dict[str, str]:
    return {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _names(asked: ast.expr, tree: ast.Module, constants: dict[str, str]) -> Iterator[str]:
    """What the expression can be: a text, a constant, a text around a loop's variable, or a parameter."""
    if isinstance(asked, ast.Constant) and isinstance(asked.value, str):
        yield asked.value
    elif isinstance(asked, ast.JoinedStr):
        [variable] = [part.value.id for part in asked.values if isinstance(part, ast.FormattedValue)]  # type: ignore[attr-defined]
        for value in _looped(variable, asked, tree):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else value for part in asked.values)
    elif isinstance(asked, ast.Name) and asked.id in constants:
        yield constants[asked.id]
    elif isinstance(asked, ast.Name):
        yield from [*_looped(asked.id, asked, tree), *_given(asked.id, asked, tree)]


def _looped(variable: str, inside: ast.AST, tree: ast.Module) -> Iterator[str]:
    """What a comprehension around `inside` puts into its variable."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) and _holds(node, inside):
            for loop in node.generators:
                if isinstance(loop.target, ast.Name) and loop.target.id == variable:
                    yield from ast.literal_eval(loop.iter)


def _given(parameter: str, inside: ast.AST, tree: ast.Module) -> Iterator[str]:
    """What callers in the same file give for a function's first parameter, partial ones too."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and _holds(node, inside)]
    named = {node.name for node in functions if node.args.args and node.args.args[0].arg == parameter}
    for node in ast.walk(tree):
        called = [node.func, *node.args] if isinstance(node, ast.Call) else []
        if called and ast.unparse(called[0]) == "partial":
            called = called[1:]
        if len(called) > 1 and isinstance(called[0], ast.Name) and called[0].id in named:
            yield str(ast.literal_eval(called[1]))


def _holds(node: ast.AST, inside: ast.AST) -> bool:
    return any(one is inside for one in ast.walk(node))

"""Finds what the code logs, by its syntax tree."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.adoption.documentation.commands import ROOT

LEVELS = {"debug": "debug", "info": "info", "warning": "warning", "error": "error", "exception": "error", "log": ""}
#: The parameter under which a function is given the name of the event that it logs.
NAME = "action"


def logged() -> dict[str, set[str]]:
    """Every event of the product with the levels at which it is logged, "" for one that is computed."""
    trees = [ast.parse(path.read_text()) for path in sources()]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    passing = dict(passed_on(trees))
    found: defaultdict[str, set[str]] = defaultdict(set)
    for call in calls:
        if level := level_of(call):
            for event in texts(call):
                found[event].add(LEVELS[level])
        elif isinstance(call.func, ast.Name) and call.func.id in passing:
            place, level = passing[call.func.id]
            for event in texts_of(call.args[place]):
                found[event].add(level)
    return dict(found)


def sources() -> list[Path]:
    """Every module that may log."""
    return [path for folder in ("invalidation", "workers") for path in sorted((ROOT / folder).rglob("*.py"))]


def level_of(call: ast.Call) -> str:
    """The method of the module's logger that is called; "" for any other call."""
    function = call.func
    is_logger = isinstance(function, ast.Attribute) and ast.unparse(function.value) == "logger"
    return function.attr if is_logger and isinstance(function, ast.Attribute) and function.attr in LEVELS else ""


def texts(call: ast.Call) -> list[str]:
    """The name of the event: the first argument that is a text, behind the level where that is one."""
    return [text for argument in call.args[:2] for text in texts_of(argument)][:1]


def texts_of(argument: ast.expr) -> list[str]:
    """The text that it is, if it names an event rather than being a sentence."""
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str) and argument.value.isidentifier():
        return [argument.value]
    return []


def passed_on(trees: list[ast.Module]) -> Iterator[tuple[str, tuple[int, str]]]:
    """Functions that log under a name which they are given: its place among their arguments, and the level."""
    for function in (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        names = [argument.arg for argument in function.args.args]
        levels = [level_of(node) for node in ast.walk(function) if isinstance(node, ast.Call) and level_of(node)]
        if NAME in names and levels:
            yield function.name, (names.index(NAME), LEVELS[levels[0]])

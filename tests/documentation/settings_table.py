"""Turns the fields of invalidation.conf.Settings and their docstrings into the README's table.

`python -m tests.documentation.settings_table` writes it.
"""

from __future__ import annotations

import ast
import inspect
from dataclasses import MISSING, fields
from itertools import pairwise
from pathlib import Path

from invalidation import conf

README = Path(__file__).resolve().parents[2] / "README.md"
BEGIN, END = "<!-- settings: begin -->\n", "<!-- settings: end -->\n"


def meanings() -> dict[str, str]:
    """The string below each field, on one line."""
    declaration = next(node for node in ast.walk(ast.parse(inspect.getsource(conf))) if _is_settings(node))
    assert isinstance(declaration, ast.ClassDef)
    return {
        field.target.id: " ".join(text.value.value.split())
        for field, text in pairwise(declaration.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


def _is_settings(node: ast.AST) -> bool:
    return isinstance(node, ast.ClassDef) and node.name == conf.Settings.__name__


def _default(value: object) -> str:
    if value is MISSING:
        return ""
    return f"`{list(value) if isinstance(value, tuple) else value!r}`"


def table() -> str:
    """Markdown, one row per setting in the order of declaration."""
    explained = meanings()
    rows = [
        f"| `{field.name.upper()}` | {_default(field.default)} | {explained[field.name]} |"
        for field in fields(conf.Settings)
    ]
    return "\n".join(["| setting | default | meaning |", "|---|---|---|", *rows]) + "\n"


def rendered(document: str) -> str:
    """The document with a fresh table between its markers."""
    before, rest = document.split(BEGIN)
    return before + BEGIN + table() + END + rest.split(END)[1]


if __name__ == "__main__":
    README.write_text(rendered(README.read_text()))

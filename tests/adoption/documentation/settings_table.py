"""Turns the fields of invalidation.conf.Settings and their docstrings into docs/reference/settings.md and the README.

`python -m tests.adoption.documentation.settings_table` writes both.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, fields
from itertools import pairwise
from typing import Any

from invalidation import conf
from invalidation.conf.parsing import GROUPS
from tests.adoption.documentation.commands import ROOT

README = ROOT / "README.md"
PAGE = ROOT / "docs/reference/settings.md"
BEGIN, END = "<!-- settings: begin -->\n", "<!-- settings: end -->\n"
#: Those that a project thinks about before its first purge, which the README shows.
FIRST = ("tiers", "sites", "databases", "redis_url", "longest_render_seconds")
UNITS = {
    "milliseconds": "milliseconds",
    "seconds": "seconds",
    "days": "days",
    "usd": "US dollars",
    "bytes": "bytes",
    "share": "share, 0 to 1",
    "minute": "number a minute",
}
KINDS = {
    "str": "text",
    "bool": "`True` or `False`",
    "int": "number",
    "float": "number",
    "tuple[str, ...]": "list of texts",
    "tuple[PolicyRule, ...]": "list of dictionaries",
    "Parameters": "list, or dictionary of lists",
    "Mapping[str, Tier]": "dictionary of dictionaries",
    "Mapping[str, str]": "dictionary",
}
BEGINNING = """# Settings

Everything stands in the dictionary `settings.INVALIDATION`: five settings, and groups of those that most sites never
touch, each a dictionary of its own. Only `TIERS` has no default. A misspelt name or a value of the wrong kind is
refused when the site starts, and one in the wrong place is told where it belongs. What must differ from one machine to
the next comes from the environment: [environment.md](environment.md).

This page is generated: `python -m tests.adoption.documentation.settings_table`.

## First
"""
TIER = """
`TIERS` has one entry for each cache, under a name of your choice:

| name in the entry | takes | meaning |
|---|---|---|
| `PROVIDER` | text | Dotted path of the class that purges this kind of cache. The only one that is required. |
| `FILLS_FROM` | list of texts | Names of the tiers that this one fetches from: those are purged before it. |
| `NODES` | list of texts | Base URLs of its nodes, without user names and passwords. |
| `OPTIONS` | dictionary | Handed to the provider, whose class names them; secrets belong here. |
| `SITES` | list of texts | Those of `SITES` that this cache serves; all of them where it is left out. |
| `MODE` | text | `delete`, `invalidate` or `refresh`: what a purge of it means, whatever its event says. |
| `REBOUND_SECONDS` | seconds | How long after a purge it is purged again, 0 for never; left out, the longest render. |
"""


GROUP = """
```python
INVALIDATION = {{..., "{group}": {{"{setting}": ...}}}}
```

"""


def meanings(group: type[Any] = conf.Settings) -> dict[str, str]:
    """The string below each field, on one line."""
    source = inspect.getsource(sys.modules[group.__module__])
    classes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef)]
    [declaration] = [node for node in classes if node.name == group.__name__]
    return {
        field.target.id: " ".join(text.value.value.split())
        for field, text in pairwise(declaration.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


def _default(field: Field[Any]) -> str:
    if field.default_factory is dict:
        return "`{}`"
    if field.default is MISSING:
        return "none: required"
    default = field.default
    if isinstance(default, tuple):
        return f"`{list(default)}`"
    return "`{}`" if str(field.type) == "Parameters" else f"`{default!r}`"


def _takes(field: Field[Any]) -> str:
    unit = UNITS.get(field.name.rpartition("_")[2]) if str(field.type) in ("int", "float") else None
    return unit or KINDS[str(field.type)]


def table(names: Iterable[str], group: type[Any] = conf.Settings) -> str:
    """Markdown, one row per setting."""
    explained, declared = meanings(group), {field.name: field for field in fields(group)}
    rows = [
        f"| `{name.upper()}` | {_default(declared[name])} | {_takes(declared[name])} | {explained[name]} |"
        for name in names
    ]
    return "\n".join(["| setting | default | takes | meaning |", "|---|---|---|---|", *rows]) + "\n"


def section(name: str, group: type[Any]) -> str:
    """The settings of one group, under its title."""
    names = [field.name for field in fields(group)]
    example = GROUP.format(group=name, setting=names[0].upper())
    return f"\n## {name}: {_lower(str(group.__doc__))}\n{example}{table(names, group)}"


def _lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:].rstrip(".")


def page(groups: Mapping[str, type[Any]] = GROUPS) -> str:
    """The reference of all settings."""
    tests = f"\n## For tests\n{table(['offline'])}"
    return BEGINNING + table(FIRST) + TIER + "".join(section(*group) for group in groups.items()) + tests


def rendered(document: str) -> str:
    """The README with a fresh table of the first settings between its markers."""
    before, rest = document.split(BEGIN)
    return before + BEGIN + table(FIRST) + END + rest.split(END)[1]


if __name__ == "__main__":
    README.write_text(rendered(README.read_text()))
    PAGE.write_text(page())

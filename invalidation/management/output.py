"""Prints what a command found: exact JSON for programs, tables for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any

from django.core.management.base import CommandParser, OutputWrapper

#: Exit codes of every command here; 0 is success.
FAILED, USAGE, UNFINISHED = 1, 2, 3


def add_format(parser: CommandParser) -> None:
    """`--format table|json`, the same for every command."""
    parser.add_argument("--format", choices=("table", "json"), default="table", help="How to print (default: table).")


def print_json(stream: OutputWrapper, document: Mapping[str, Any] | Sequence[Any]) -> None:
    """One JSON document and nothing else."""
    stream.write(json.dumps(document, indent=2, ensure_ascii=False))


def print_table(stream: OutputWrapper, title: str, headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table; coloured by status on a terminal, plain in a pipe."""
    paper().table(stream, title, headers, [[*map(_shown, row)] for row in rows])


def print_fields(stream: OutputWrapper, fields: Mapping[str, Any]) -> None:
    """Name and value, one a line; empty values left out."""
    paper().fields(stream, {name: _shown(value) for name, value in fields.items() if value not in (None, "", {}, [])})


def print_notes(stream: OutputWrapper, notes: Mapping[str, Any]) -> None:
    """What is too long for a table's column: whose it is, and what it says."""
    for name, note in notes.items():
        stream.write(f"{name}: {note}")


def paper() -> ModuleType:
    """What draws: `rich`, the extra, where it is installed."""
    try:
        from invalidation.management import coloured
    except ImportError:
        from invalidation.management import plain

        return plain
    return coloured


def _shown(value: Any) -> str:
    return "" if value is None else f"{value:.1f}" if isinstance(value, float) else str(value)

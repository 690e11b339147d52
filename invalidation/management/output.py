"""Prints what a command found: exact JSON for programs, tables for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any, cast

from django.core.management.base import CommandParser, OutputWrapper
from rich.console import Console
from rich.table import Table
from rich.text import Text

#: Exit codes of every command here; 0 is success.
FAILED, USAGE, UNFINISHED = 1, 2, 3
#: Width of a table where no terminal tells its own, so that a pipe never wraps a URL.
PIPE_COLUMNS = 200

COLOURS = {
    "purged": "green",
    "done": "green",
    "dead": "red",
    "rejected": "red",
    "failed": "yellow",
    "deferred": "yellow",
    "healthy": "green",
    "unhealthy": "red",
}


def add_format(parser: CommandParser) -> None:
    """`--format table|json`, the same for every command."""
    parser.add_argument("--format", choices=("table", "json"), default="table", help="How to print (default: table).")


def print_json(stream: OutputWrapper, document: Mapping[str, Any] | Sequence[Any]) -> None:
    """One JSON document and nothing else."""
    stream.write(json.dumps(document, indent=2, ensure_ascii=False))


def print_table(stream: OutputWrapper, title: str, headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table; coloured by status on a terminal, plain in a pipe."""
    table = Table(*headers, title=title, title_justify="left")
    for row in rows:
        table.add_row(*map(_cell, row))
    _console(stream).print(table)


def print_fields(stream: OutputWrapper, fields: Mapping[str, Any]) -> None:
    """Name and value, one a line; empty values left out."""
    grid = Table.grid(padding=(0, 2))
    for name, value in fields.items():
        if value not in (None, "", {}, []):
            grid.add_row(Text(name, style="bold"), _cell(value))
    _console(stream).print(grid)


def _console(stream: OutputWrapper) -> Console:
    terminal = stream.isatty()
    return Console(file=cast("IO[str]", stream), force_terminal=terminal, width=None if terminal else PIPE_COLUMNS)


def _cell(value: Any) -> Text:
    """Text, never markup: targets and replies may hold brackets."""
    shown = "" if value is None else f"{value:.1f}" if isinstance(value, float) else str(value)
    return Text(shown, style=COLOURS.get(shown, ""))

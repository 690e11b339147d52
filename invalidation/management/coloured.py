"""Tables by `rich`: coloured and wrapped on a terminal, plain in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, cast

from django.core.management.base import OutputWrapper
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

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


def table(stream: OutputWrapper, title: str, headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table, its cells coloured by status."""
    drawn = Table(*headers, title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        drawn.add_row(*map(_cell, row))
    _console(stream).print(drawn)


def fields(stream: OutputWrapper, named: Mapping[str, str]) -> None:
    """Name and value, one a line."""
    grid = Table.grid(padding=(0, 2))
    for name, value in named.items():
        grid.add_row(Text(name, style="bold"), _cell(value))
    _console(stream).print(grid)


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar for people: on a terminal's standard error alone, where no program reads."""
    with Progress(console=Console(file=sys.stderr), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


def _console(stream: OutputWrapper) -> Console:
    terminal = stream.isatty()
    return Console(file=cast("IO[str]", stream), force_terminal=terminal, width=None if terminal else PIPE_COLUMNS)


def _cell(shown: str) -> Text:
    """Text, never markup: targets and replies may hold brackets."""
    return Text(shown, style=COLOURS.get(shown, ""))

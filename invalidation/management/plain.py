"""Tables of plain text, for machines without `rich`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from django.core.management.base import OutputWrapper


def table(stream: OutputWrapper, title: str, headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Columns as wide as their widest cell, two spaces apart."""
    lines = [list(headers), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    stream.write(title)
    for line in lines:
        stream.write("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def fields(stream: OutputWrapper, named: Mapping[str, str]) -> None:
    """Name and value, one a line."""
    width = max(map(len, named), default=0)
    for name, value in named.items():
        stream.write(f"{name.ljust(width)}  {value}")


@contextmanager
def progress(_what: str, _total: int) -> Iterator[Callable[[], None]]:
    """Nothing is shown of it."""
    yield lambda: None

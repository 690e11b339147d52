"""Draws an excerpt of what the demo showed as an SVG, which fetches nothing; the README shows it."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from deploy.local.measure import Row

#: Steps of the story that are shown; all of them would make a picture that nobody looks at.
SHOWN = ("edit", "change the slug", "delete")
COLUMNS = 70
#: rich would have its letters come from another host.
FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def draw(rows: Iterable[Row], last_line: str, picture: Path) -> None:
    """Write the steps that are shown, below the command that makes them."""
    console = Console(record=True, file=io.StringIO(), width=COLUMNS, highlight=False)
    console.print("$ [bold]make demo[/]")
    console.print(table([row for row in rows if row.step in SHOWN]))
    console.print(last_line)
    picture.write_text(FONT.sub("", console.export_svg(title="make demo", unique_id="demo")))


def table(rows: Iterable[Row] = ()) -> Table:
    """Its columns, and these rows."""
    made = Table("change", "tier", "stale copy")
    made.add_column("→ purged", justify="right")
    made.add_column("→ fresh", justify="right")
    add(made, list(rows))
    return made


def add(table: Table, rows: list[Row]) -> None:
    """Rows of whole steps; the first of each names it."""
    for number, row in enumerate(rows):
        first = number == 0 or rows[number - 1].step != row.step
        last = number + 1 == len(rows) or rows[number + 1].step != row.step
        fresh = "new before" if row.fresh_milliseconds is None else f"{row.fresh_milliseconds:.0f} ms"
        times = f"{row.purged_milliseconds:.0f} ms", fresh
        table.add_row(row.step if first else "", row.tier, row.stale, *times, end_section=last)

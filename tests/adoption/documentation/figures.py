"""Copies a few figures of docs/benchmarks.md into the README, so that it can't say others.

`python -m tests.adoption.documentation.figures` writes them.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
README, BENCHMARKS = ROOT / "README.md", ROOT / "docs/benchmarks.md"
BEGIN, END = "<!-- figures: begin -->\n", "<!-- figures: end -->\n"
#: What somebody wants to know who decides whether to adopt the app; patterns of the second column of the benchmarks.
WANTED = (
    r"30 saves a second: commit to Nginx purged, p50",
    r"30 saves a second: commit to Nginx purged, p99",
    r"50 saves a second: commit to Nginx purged, p50",
    r"50 saves a second: worker's processor time a save",
    r"200 saves a second: commit to Nginx purged, p50",
    r"one tag to 100 nodes, commit to the last, p50",
    r"requests of /blog/\{slug\}/",
    r"hit: a tagged value, ours",
    r"PostgreSQL: one save a transaction",
    r"editorial lane behind [\d,]+ bulk events: commit to purged, p99",
)


def rows(document: str) -> list[list[str]]:
    """What was measured, the figure and its baseline: the newest of each, which stands first."""
    found: dict[str, list[str]] = {}
    for line in document.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and len(cells) >= 4:
            found.setdefault(cells[1], cells[1:4])
    return [row for pattern in WANTED for what, row in found.items() if re.fullmatch(pattern, what)]


def rendered(document: str) -> str:
    """The README with the figures of now between its markers."""
    lines = ["| what | here | baseline of the same run |", "|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in rows(BENCHMARKS.read_text())]
    before, rest = document.split(BEGIN)
    return before + BEGIN + "\n".join(lines) + "\n" + END + rest.split(END)[1]


if __name__ == "__main__":
    README.write_text(rendered(README.read_text()))

"""Turns the first lines of the decisions into their index.

`python -m tests.adoption.documentation.decisions` writes it.
"""

from __future__ import annotations

import re
from pathlib import Path

from tests.adoption.documentation.commands import ROOT

FOLDER = ROOT / "docs/decisions"
INDEX = FOLDER / "README.md"
TITLE = re.compile(r"# (\d+)\. (.+)")
BEGINNING = """# Decisions

What was decided, why, and what would change it: a file each. Code and documents cite them by number ("decision 53").

"""


def files() -> list[Path]:
    """Every decision, by number."""
    return sorted(FOLDER.glob("[0-9]*.md"))


def numbered(decision: Path) -> tuple[int, str]:
    """Number and title, which the first line of a decision gives."""
    first, _, _ = decision.read_text().partition("\n")
    found = TITLE.fullmatch(first)
    assert found, f"{decision.name}: the first line must read '# 61. What was decided'"
    return int(found[1]), found[2]


def index() -> str:
    """One line a decision, in the order of their numbers."""
    rows = [(*numbered(decision), decision.name) for decision in files()]
    return BEGINNING + "".join(f"* {number}: [{title}]({name})\n" for number, title, name in rows)


if __name__ == "__main__":
    INDEX.write_text(index())

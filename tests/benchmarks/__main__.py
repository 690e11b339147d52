"""`make bench`: every part of the table in turn, or those that are named: `python -m tests.benchmarks [PART …]`."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterator

from tests.benchmarks.figures import HEADINGS, Figure, row

#: Each a module with `figures()`.
PARTS = {
    "B1": "saving",
    "B3": "throughput",
    "B4": "purges",
}


def figures(part: str) -> Iterator[Figure]:
    """Measure one part."""
    yield from importlib.import_module(f"tests.benchmarks.{PARTS[part]}").figures()


def main() -> int:
    """Print a line for each figure as soon as it is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all")
    options = parser.parse_args()
    sys.stdout.write(f"{row(HEADINGS)}\n{row(['---'] * len(HEADINGS))}\n")
    for part in options.parts or PARTS:
        for figure in figures(part):
            sys.stdout.write(f"{row(figure.cells())}\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`make bench`: every part of the table in turn, or those that are named: `python -m tests.benchmarks [PART …]`.

Each part runs in a process of its own, because each has another Django.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from deploy.local.stack import ROOT
from tests.benchmarks import machine
from tests.benchmarks.figures import HEADINGS, Figure, row
from tests.benchmarks.part import PARTS

#: What is said of aims that aren't met.
LIMITS = Path(__file__).with_name("limits.md")
INTRODUCTION = """# Benchmarks

What `make bench` measured; `make bench ARGS="B4"` measures one part. Every baseline was measured in the same run. Each
part is a module of `tests/benchmarks`, whose first lines say what it does. Nothing here is asserted by a test.

{machine}
"""


def figures(part: str) -> Iterator[Figure]:
    """Measure one part; what it wrote of its own goes to our error output."""
    command = [sys.executable, "-m", "tests.benchmarks.part", part]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            yield Figure.of(json.loads(line))
    if process.returncode:
        sys.stderr.write(f"{part} failed with {process.returncode}.\n")


def shown(found: Iterator[Figure]) -> Iterator[str]:
    """Lines of the table, printed as soon as they are there."""
    for line in (row(HEADINGS), row(["---"] * len(HEADINGS))):
        sys.stdout.write(f"{line}\n")
        yield line
    for figure in found:
        sys.stdout.write(f"{row(figure.cells())}\n")
        sys.stdout.flush()
        yield row(figure.cells())


def main() -> int:
    """Print the table, and write it where it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all but growth")
    parser.add_argument("--write", type=Path, metavar="FILE", help="the table as Markdown")
    options = parser.parse_args()
    parts = options.parts or [part for part in PARTS if part != "growth"]
    started = time.monotonic()
    table = list(shown(figure for part in parts for figure in figures(part)))
    if options.write:
        described = machine.described(" ".join(parts), time.monotonic() - started)
        parts_of_it = [INTRODUCTION.format(machine=described), *table, "", LIMITS.read_text()]
        options.write.write_text("\n".join(parts_of_it))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""One part of the table in this process; a document of JSON for each figure: `python -m tests.benchmarks.part B4`.

After a colon comes how many of what the part counts, such as `B13:10000000`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import json
import sys

#: Each a module with `figures()`.
PARTS = {
    "latency": "latency",
    "B1": "saving",
    "B3": "throughput",
    "B4": "purges",
    "B7": "reading",
    "B8": "serving",
    "B9": "starting",
    "B12": "fan_out",
    "B13": "stored",
    "B14": "automatic",
    "B15": "modes",
    "behind": "behind",
    "workers": "crew",
    "growth": "growth",
}


def main(part: str) -> None:
    """Measure, and write each figure as soon as it is there; what else is printed is no document."""
    output = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        name, _, number = part.partition(":")
        module = importlib.import_module(f"tests.benchmarks.{PARTS[name]}")
        for figure in module.figures(*([int(number)] if number else [])):
            output.write(f"{json.dumps(dataclasses.asdict(figure))}\n")
            output.flush()


if __name__ == "__main__":
    main(sys.argv[1])

"""What a run is asked to do."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """The command line."""

    seconds: float
    seed: int
    database: str
    emitter: str
    writes_per_second: float
    frozen_seconds: float
    frozen_times: int
    hostile_seconds: float
    report: Path | None
    folder: Path | None

    @property
    def command(self) -> str:
        """By which the same run is made again."""
        return (
            f"python -m tests.chaos --seconds {self.seconds:g} --seed {self.seed} --database {self.database} "
            f"--emitter {self.emitter} --writes-per-second {self.writes_per_second:g} "
            f"--frozen-seconds {self.frozen_seconds:g} --frozen-times {self.frozen_times} "
            f"--hostile-seconds {self.hostile_seconds:g}"
        )


def parsed(arguments: list[str] | None = None) -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="how long faults strike")
    parser.add_argument("--seed", type=int, default=1, help="the same seed, the same faults")
    parser.add_argument("--database", choices=("postgres", "sqlite"), default="postgres")
    parser.add_argument("--emitter", choices=("outbox", "naive"), default="outbox", help="the product, or the baseline")
    parser.add_argument("--writes-per-second", type=float, default=65)
    parser.add_argument("--frozen-seconds", type=float, default=8, help="how long Redis is frozen alone afterwards")
    parser.add_argument("--frozen-times", type=int, default=3, help="and how often")
    parser.add_argument("--hostile-seconds", type=float, default=15, help="then each kind of hostile node, for so long")
    parser.add_argument("--report", type=Path, help="Markdown file whose section of this run is written anew")
    parser.add_argument("--folder", type=Path, help="where logs and data are kept; a temporary one by default")
    return Options(**vars(parser.parse_args(arguments)))

"""`python -m tests.chaos.hostile --seconds 3600`: hostile visitors at full rate before a stack of this machine's own.

Exits with 0 if memory, tables and the calls of an edit stayed within their bounds. Nothing but loopback is asked.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import django

from deploy.local.postgres import Postgres
from deploy.local.stack import Stack


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.hostile", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="how long visitors are hostile")
    parser.add_argument("--most", type=int, default=10_000_000, help="at most so many requests")
    parser.add_argument("--threads", type=int, default=8, help="how many visitors at a time")
    parser.add_argument("--seed", type=int, default=1, help="the same seed, the same requests")
    return parser.parse_args()


def run(folder: Path, asked: argparse.Namespace) -> int:
    """Start everything, make this process one of the site's, and judge."""
    with Postgres(folder) as postgres, Stack(folder, database_url=postgres.create_database("hostile")) as stack:
        os.environ.update(stack.environment)
        django.setup()
        from tests.chaos.hostile.run import carry_out

        outcome = carry_out(stack, asked.seconds, seed=asked.seed, threads=asked.threads, most=asked.most)
    sys.stdout.write("\n".join(outcome.lines()) + "\n")
    return 1 if any(outcome.broken()) else 0


def main() -> int:
    """In a temporary folder."""
    asked = parsed()
    with tempfile.TemporaryDirectory(prefix="hostile-", ignore_cleanup_errors=True) as folder:
        return run(Path(folder), asked)


if __name__ == "__main__":
    sys.exit(main())

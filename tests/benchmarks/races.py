"""`python -m tests.benchmarks.races [--rounds N] [SUBJECT …]`: stale reads of each subject, on a Redis.

In order: the reader asks the database, the writer commits and invalidates, the reader stores. Interleaved: the writer's
steps fall on points of the reader's way that a seeded chance picks. Parallel: a writer and two readers, each a process.
Other libraries are installed into a temporary folder, and removed with it.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local import Redis
from tests.benchmarks.parallel import Outcome
from tests.benchmarks.rival_environment import RIVALS, RivalEnvironment

OURS = ("tagged", "CachedManager", "taggedcache", "textbook")
HEADER = f"{'':14} {'in order':>8} {'interleaved':>17} {'parallel':>17} {'of them raced':>14}"


def prepare(folder: Path, redis_url: str) -> None:
    """Django with the race's cache, and one row in a database in a file, so that processes can share it."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings.test")
    import django
    from django.conf import settings
    from django.core.management import call_command

    from project.settings import stores

    settings.CACHES = {"default": {"BACKEND": "tests.benchmarks.subjects.PausingCache", "LOCATION": redis_url}}
    settings.INVALIDATION = settings.INVALIDATION | {"REDIS_URL": stores.redis_database(redis_url, 15)}
    settings.DATABASES = {"default": stores.database(f"sqlite:///{folder / 'race.sqlite3'}")}
    django.setup()
    call_command("migrate", verbosity=0)
    from tests.benchmarks import subjects

    subjects.write_row()


def report(name: str, ordered: Outcome, interleaved: int, parallel: Outcome, asked: int) -> int:
    """One line; the stale reads in it. So many rounds were `asked` for."""
    rounds = parallel.rounds
    kept = "stale" if ordered.stale else "fresh"
    parts = [f"{name:14} {kept:>8}", f"{interleaved:>6} of {asked:>6}", f"{parallel.stale:>6} of {rounds:>6}"]
    sys.stdout.write(f"{'  '.join(parts)} {parallel.raced:>14}\n")
    sys.stdout.flush()
    return ordered.stale + interleaved + parallel.stale


def ours(names: list[str], rounds: int) -> int:
    """Report each of our subjects and the textbook cache; the stale reads of ours."""
    from tests.benchmarks import subjects

    stale = 0
    for name in names:
        ordered, parallel = subjects.parallel(name, 1, in_order=True), subjects.parallel(name, rounds)
        found = report(name, ordered, subjects.interleaved(name, rounds), parallel, rounds)
        stale += found if name != "textbook" else 0
    return stale


def rivals(names: list[str], rounds: int, folder: Path, redis_url: str) -> None:
    """The same races on other libraries."""
    if not names:
        return
    environment = RivalEnvironment(folder)
    for name in names:
        found = environment.asked("races", name, redis_url, rounds)
        report(name, Outcome(**found["ordered"]), found["interleaved"], Outcome(**found["parallel"]), rounds)


@contextmanager
def place() -> Iterator[tuple[Path, str]]:
    """A folder and a Redis, which go with the process."""
    with tempfile.TemporaryDirectory() as name, Redis(Path(name)) as server:
        yield Path(name), server.url(0)


def main() -> int:
    """0 if none of ours left a stale value."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10_000)
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help=f"of {', '.join((*OURS, *RIVALS))}; all")
    options = parser.parse_args()
    wanted = options.subjects or [*OURS, *RIVALS]
    with place() as (folder, redis_url):
        prepare(folder, redis_url)
        sys.stdout.write(f"{HEADER}\n")
        stale = ours([name for name in wanted if name in OURS], options.rounds)
        rivals([name for name in wanted if name in RIVALS], options.rounds, folder, redis_url)
    return min(stale, 1)


if __name__ == "__main__":
    sys.exit(main())

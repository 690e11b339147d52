"""A process that changes things at a steady rate until it is killed."""

from __future__ import annotations

import os
import random
import sys
import time

import django

from tests.chaos import site


def write(name: str, seed: str, per_second: float) -> None:
    """Change, note, sleep."""
    from tests.chaos.changes import choose
    from tests.chaos.journal import Journal
    from tests.chaos.noting import noted

    incarnation = f"{name}-{os.getpid()}-{time.time_ns() // 1_000_000 % 100_000_000}"
    chance = random.Random(f"{seed}-{name}")
    journal = Journal(site.folder() / f"{incarnation}.journal")
    number = 0
    while True:
        number += 1
        due_at = time.monotonic() + 1 / per_second
        noted(journal, f"{incarnation}-{number}", choose(chance))
        time.sleep(max(0.0, due_at - time.monotonic()))


if __name__ == "__main__":
    django.setup()
    write(sys.argv[1], sys.argv[2], float(sys.argv[3]))

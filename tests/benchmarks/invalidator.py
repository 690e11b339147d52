"""Invalidates one tag after another in the site's environment: `python -m … TIMES SECONDS FILE`."""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from pathlib import Path

import django


def main(times: int, seconds: float, file: Path) -> None:
    """Write down when each tag's transaction was committed, in nanoseconds of the machine's clock."""
    from django.db import transaction

    import invalidation

    committed: dict[str, int] = {}
    for number in range(times):
        tag = f"benchmark:{time.time_ns()}"
        with transaction.atomic():
            transaction.on_commit(partial(_note, committed, tag))
            invalidation.invalidate(tags=[tag], reason=f"benchmark {number}")
        time.sleep(seconds)
    file.write_text(json.dumps(committed))


def _note(committed: dict[str, int], tag: str) -> None:
    committed[tag] = time.time_ns()


if __name__ == "__main__":
    django.setup()
    main(int(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3]))

"""The chain consistency checker: visitors and editors at full rate, and a verdict on every answer.

`python -m tests.chain.checker --seconds 600` prints a JSON report and fails if anything was stale after its batch was
complete, which includes the rebound; `--naive` runs the same load without guard, order and rebound, to show that the
checker can see: there the purge is all there is.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from deploy.local import Postgres
from tests.chain.checked.judge import judge
from tests.chain.checked.readers import Visitors
from tests.chain.checked.stack import CheckedStack

POSTS, VISITORS, EDITORS = 20, 8, 2
LISTS = ["/", "/blog/", "/api/posts/"]
WARM_SECONDS = 2


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--naive", action="store_true", help="without guard, order and rebound")
    return parser.parse_args()


def run(folder: Path, seconds: float, *, naive: bool) -> dict[str, Any]:
    """Start everything, load it, judge it."""
    with Postgres(folder) as postgres:
        stack = CheckedStack(folder, database_url=postgres.create_database("checker"), naive=naive)
        with stack:
            return load(stack, folder, seconds)


def load(stack: CheckedStack, folder: Path, seconds: float) -> dict[str, Any]:
    """Editors and visitors at once, until the time is over and every purge has ended."""
    os.environ.update(stack.environment)
    import django

    django.setup()
    from django.db import connection

    from tests.chain.checked import writers

    paths = writers.number_posts(POSTS)
    writers.settle()
    connection.close()  # a fork must not share it
    until = time.time() + WARM_SECONDS + seconds
    address = stack.site_url.removeprefix("http://")
    visitors = Visitors(folder, address, [*paths.values(), *LISTS], until, VISITORS)
    editors = writers.Editors(list(paths), until - WARM_SECONDS, EDITORS)
    committed = editors.join()
    notes = visitors.join()
    writers.settle()
    writes = writers.purges(committed)
    verdict = judge((read for note in notes for read in note.reads()), writes)
    answers = sum((note.answers for note in notes), Counter[str]())
    return report(stack, seconds, answers, len(committed)) | asdict(verdict)


def report(stack: CheckedStack, seconds: float, answers: Counter[str], writes: int) -> dict[str, Any]:
    """What was done."""
    from invalidation.models import Batch, Verification

    return {
        "variant": "naive" if stack.naive else "full",
        "seconds": seconds,
        "requests": answers.total(),
        "answers": dict(answers.most_common()),
        "writes": writes,
        "batches": Batch.objects.exclude(event_count=0).count(),
        "rebounds": Batch.objects.filter(event_count=0).count(),
        "verifications": Verification.objects.count(),
        "verified_stale": Verification.objects.filter(stale=True).count(),
    }


def main() -> int:
    """Exit code 1 if anything was stale after its batch was complete."""
    asked = arguments()
    with tempfile.TemporaryDirectory(prefix="checker-") as folder:
        found = run(Path(folder), asked.seconds, naive=asked.naive)
    print(json.dumps(found, indent=2))  # noqa: T201
    return 1 if found["stale_after_done" if asked.naive else "stale_after_rebound"] else 0


if __name__ == "__main__":
    sys.exit(main())

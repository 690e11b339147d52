"""The chain consistency checker: visitors of every tier and editors at full rate, and a verdict on every answer.

`python -m tests.chain.checker --seconds 600` prints a JSON report and fails if anything was stale after its purge was
done, or showed less than its sequence promises; `--reads` asks for so many posts seen in answers at least; `--naive`
runs the same load without guard, order and rebound, to show that the checker can see: there the purge is all there is.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from deploy.local import Postgres
from tests.chain.checked.judge import judge
from tests.chain.checked.notes import Notes
from tests.chain.checked.readers import Plan, Visitors
from tests.chain.checked.stack import CheckedStack

POSTS, EDITORS = 20, 2
NEVER = ("stale_after_done", "old_sequence_after_done", "stale_after_rebound", "content_older_than_sequence")
LISTS = ["/", "/blog/", "/api/posts/"]


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=30, help="at least so long")
    parser.add_argument("--reads", type=int, default=0, help="at least so many")
    parser.add_argument("--rate", type=float, default=2_500, help="most answers a second")
    parser.add_argument("--seed", type=int, default=1, help="of what visitors ask for and editors save")
    parser.add_argument("--naive", action="store_true", help="without guard, order and rebound")
    return parser.parse_args()


def run(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Start everything, load it, judge it."""
    with Postgres(folder) as postgres:
        stack = CheckedStack(folder, database_url=postgres.create_database("checker"), naive=asked.naive)
        with stack:
            return load(stack, folder, asked)


def load(stack: CheckedStack, folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Editors and visitors at once, until there was enough and every purge has ended."""
    os.environ.update(stack.environment)
    import django

    django.setup()
    from django.db import connection

    from tests.chain.checked import writers

    posts = writers.number_posts(POSTS)
    writers.settle()
    connection.close()  # a fork must not share it
    begun_at = time.monotonic()
    visitors = Visitors(folder, plan(stack, posts, asked))
    editors = writers.Editors(list(posts), visitors.satisfied, EDITORS, asked.seed)
    committed = editors.join()
    notes = visitors.join()
    seconds = round(time.monotonic() - begun_at, 1)
    writers.settle()
    verdict = judge(notes.all(), writers.purges(committed))
    for example in [*verdict.examples, *verdict.old_examples]:
        example["deliveries"] = writers.passed(example["purged_sequence"])
    return report(stack, seconds, len(committed)) | said(notes) | verdict.document()


def plan(stack: CheckedStack, posts: Mapping[int, str], asked: argparse.Namespace) -> Plan:
    """Every tier, under the name that visitors of the outermost use."""
    paths = [*posts.values(), *(path.replace("/blog/", "/api/posts/", 1) for path in posts.values()), *LISTS]
    return Plan(
        host=urlsplit(stack.site_url).netloc,
        tiers=stack.addresses,
        paths=paths,
        seconds=asked.seconds,
        reads=asked.reads,
        rate=asked.rate,
        seed=asked.seed,
    )


def said(notes: Notes) -> dict[str, Any]:
    """What the tiers answered."""
    return {
        "requests": notes.answers.total(),
        "answers": dict(notes.answers.most_common()),
        "answered_from_the_store_of": dict(notes.by_source.most_common()),
    }


def report(stack: CheckedStack, seconds: float, writes: int) -> dict[str, Any]:
    """What was done."""
    from invalidation.models import Batch, Verification

    return {
        "variant": "naive" if stack.naive else "full",
        "seconds": seconds,
        "writes": writes,
        "batches": Batch.objects.exclude(event_count=0).count(),
        "rebounds": Batch.objects.filter(event_count=0).count(),
        "verifications": Verification.objects.count(),
        "verified_stale": Verification.objects.filter(stale=True).count(),
    }


def broken(found: Mapping[str, Any]) -> list[str]:
    """Of what must be 0 in the report, what is not."""
    return [name for name in NEVER if found[name]]


def main() -> int:
    """Exit code 1 if anything was stale after its purge was done, or showed less than its sequence promises."""
    asked = arguments()
    with tempfile.TemporaryDirectory(prefix="checker-") as folder:
        found = run(Path(folder), asked)
    print(json.dumps(found, indent=2))  # noqa: T201
    return 1 if broken(found) else 0


if __name__ == "__main__":
    sys.exit(main())

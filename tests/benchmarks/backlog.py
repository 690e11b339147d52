"""Drains a huge backlog and measures: `python -m tests.benchmarks.backlog --events 1000000`.

Uses the database of DATABASE_URL, or a PostgreSQL cluster of its own; caches are in this process, so that the figures
are the pipeline's own.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import django
from django.utils import timezone

from deploy.local import Postgres, Redis

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
STORE = """
WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < %s)
INSERT INTO invalidation_event
    (uid, created_at, source, actor, reason, correlation_id, lane, tiers, targets, status)
SELECT {uid}, %s, 'bulk', '', '', '', 'bulk', '',
    ('{{"tags": ["blog.post", "blog.post:' || n || '"], "urls": ["/blog/' || n || '/"]}}'){cast}, 'pending'
FROM number
"""


@dataclass(frozen=True)
class Measured:
    """What a run found."""

    events: int
    seconds: float
    processor_seconds: float
    """Of the worker, without the database and Redis."""

    batches: int
    megabytes: list[float]
    """Resident memory of the worker after each tenth of the events."""

    takedown_seconds: float
    """From the commit of a takedown, stored behind the whole backlog, to its last tier."""


def resident_megabytes() -> float:
    """Resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES / 1e6


def store(events: int) -> None:
    """A backlog in the bulk lane, each event about another page; written by the database itself."""
    from django.db import connection

    postgresql = connection.vendor == "postgresql"
    uid, cast = ("gen_random_uuid()", "::jsonb") if postgresql else ("lower(hex(randomblob(16)))", "")
    with connection.cursor() as cursor:
        cursor.execute(STORE.format(uid=uid, cast=cast), [events, timezone.now()])


def run(events: int) -> Measured:
    """Store, drain and deliver everything with one worker."""
    from invalidation.models import Batch, Event
    from invalidation.pipeline.intake import drain
    from tests.unit.pipeline.chain import APPLICATION, EDGE, LEFT, RIGHT, Chain, Node, Queue

    Chain.nodes.update({name: Node() for name in (APPLICATION, LEFT, RIGHT, EDGE)})
    Chain.max_urls_per_call = 100
    store(events)
    queue = Queue()
    queue.connect()
    started, processed = time.perf_counter(), time.process_time()
    drain.drain(limit_batches=1)
    takedown = Event.objects.create(source="code", lane="takedown", targets={"urls": ["/illegal/"]})
    committed, takedown_seconds = time.perf_counter(), 0.0
    megabytes: list[float] = []
    drained = 0
    for _ in itertools.count():
        ended = drain.drain(limit_batches=1).events
        queue.run()
        for node in Chain.nodes.values():
            node.calls.clear()
        if not takedown_seconds and Event.objects.filter(pk=takedown.pk, status="done").exists():
            takedown_seconds = time.perf_counter() - committed
        drained += ended
        if drained >= len(megabytes) * events / 10:
            megabytes.append(round(resident_megabytes(), 1))
        if not ended:
            break
    queue.disconnect()
    seconds, processor_seconds = time.perf_counter() - started, time.process_time() - processed
    assert not Event.objects.exclude(status="done").exists()
    return Measured(events, seconds, processor_seconds, Batch.objects.count(), megabytes, takedown_seconds)


@contextmanager
def servers() -> Iterator[None]:
    """PostgreSQL, unless DATABASE_URL names another database, and Redis; their addresses go into the environment."""
    with tempfile.TemporaryDirectory() as folder, Redis(Path(folder)) as redis:
        os.environ["REDIS_URL"] = redis.url()
        if "DATABASE_URL" in os.environ:
            yield
            return
        with Postgres(Path(folder)) as postgres:
            os.environ["DATABASE_URL"] = postgres.create_database("backlog")
            yield


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    arguments = parser.parse_args()
    os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings.test"
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    with servers():
        django.setup()
        report(arguments.events)
    return 0


def report(events: int) -> None:
    """Migrate, measure, print."""
    import structlog
    from django.conf import settings
    from django.core.management import call_command
    from django.test import override_settings

    from tests.unit.pipeline.conftest import declared

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    call_command("migrate", verbosity=0)
    address = settings.INVALIDATION["REDIS_URL"]
    with override_settings(INVALIDATION=declared(REDIS_URL=address)):
        found = run(events)
    for line in (
        f"{found.events} events in {found.seconds:.1f} s ({found.processor_seconds:.1f} s of processor time), "
        f"{found.batches} batches",
        f"resident memory after each tenth, MB: {found.megabytes}",
        f"a takedown behind the backlog was purged everywhere after {1000 * found.takedown_seconds:.0f} ms",
    ):
        print(line)  # noqa: T201 (a command line program)


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tests.unit.caching.trials`: what the suite tries a few times, many times, on servers of its own.

`orders` runs every order of the steps of writer, worker and readers. `reads` lets one process commit and another one
read, with no worker running: a tagged value, a cached row, a cached count and a fragment; `--away` stops Redis around
the commits of each round, and runs what a worker would before the other process reads. `--together` makes a round of so
many commits, each to a table of its own: nothing else makes its values stale.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from deploy.local import Redis

POINTED = "tests.unit.caching.interleaved.PointedCache"
#: A reader whose connection was cut leaves Redis alone for a moment, and stores nothing meanwhile.
KEEP_TRIES = 200
PLAIN = "django_redis.cache.RedisCache"


def prepare(folder: Path, redis_url: str, backend: str = PLAIN) -> None:
    """Django with two caches and the sequence on one Redis, and a database in a file."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings.test")
    import django
    from django.conf import settings

    from project.settings import stores

    def cache(name: str) -> dict[str, Any]:
        options = {"SOCKET_TIMEOUT": 0.5, "SOCKET_CONNECT_TIMEOUT": 0.5, "IGNORE_EXCEPTIONS": True}
        location = stores.redis_database(redis_url, 2)
        return {"BACKEND": backend, "LOCATION": location, "KEY_PREFIX": name, "OPTIONS": options}

    tier = {"PROVIDER": "invalidation.providers.redis.Redis", "OPTIONS": {"CACHES": ["default", "second"]}}
    settings.CACHES = {"default": cache("default"), "second": cache("second")}
    settings.INVALIDATION = {**settings.INVALIDATION, "REDIS_URL": redis_url, "TIERS": {"cache": tier}}
    settings.DATABASES = {"default": stores.database(f"sqlite:///{folder / 'trials.sqlite3'}")}
    settings.DJANGO_REDIS_LOG_IGNORED_EXCEPTIONS = False
    django.setup()


def orders(every: int) -> int:
    """Every order, of each writer beside each set of readers; the number that went wrong."""
    import redis
    from django.conf import settings

    from invalidation.caching.values import store
    from tests.unit.caching.interleaved import READERS, WRITERS, PointedCache, cast_of, faulty

    store.PATIENCE_SECONDS = 0.002  # type: ignore[misc]  # a reader that stands still is not waited for
    server = redis.Redis.from_url(settings.INVALIDATION["REDIS_URL"], decode_responses=True)
    fine = {f"each operation of {name}": {name: 9} for name in ("early", "page")}
    total = 0
    for writer in WRITERS:
        for title, readers in {**READERS, **fine}.items():
            PointedCache.is_fine = title in fine
            count, found = faulty(server, cast_of(writer, readers), every=every, filled=title == "outer and page")
            total += sum(map(len, found.values()))
            _say(
                f"{writer:18} {title:26} {count:6} orders",
                *(f"{len(told)} times {name}" for name, told in found.items()),
            )
            _say(*(f"    {name}: {told[0]}" for name, told in found.items()), end="")
    return total


def _say(*words: str, end: str = "\n") -> None:
    if words:
        sys.stdout.write("  ".join(words) + (end or "\n"))
        sys.stdout.flush()


def serve(tables: int) -> None:
    """The reading process: for each line what it sees of every table, and how many questions that cost the database."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from tests.unit.caching.tables import declared, shown

    models = declared(tables)
    for _ in sys.stdin:
        with CaptureQueriesContext(connection) as asked:
            seen = [shown(model) for model in models]
        sys.stdout.write(json.dumps([seen, len(asked)]) + "\n")
        sys.stdout.flush()


@contextmanager
def reader(folder: Path, redis_url: str, tables: int) -> Iterator[Any]:
    """Asks the reading process."""
    places = ["--folder", str(folder), "--redis", redis_url, "--together", str(tables)]
    command = [sys.executable, "-m", "tests.unit.caching.trials", "serve", *places]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        question, answer = cast("IO[str]", process.stdin), cast("IO[str]", process.stdout)

        def ask() -> Any:
            question.write("?\n")
            question.flush()
            return json.loads(answer.readline())

        yield ask
        question.close()


def reads(times: int, together: int, folder: Path, server: Redis, *, away: bool) -> int:
    """How many of the reads were old, or followed a commit before which nothing was kept."""
    from django.core.management import call_command

    from tests.unit.caching.tables import created, declared

    call_command("migrate", verbosity=0)
    rows, new, idle = created(declared(together)), [0, 0, 0, 0], 0
    with reader(folder, server.url(1), together) as ask:
        for number in range(1, times // together + 1):
            idle += _keeps(ask)
            _commit(rows, f"{number} {'odd' if number % 2 else 'even'}", server, away=away)
            seen, _ = ask()
            right = [rows[0].name, rows[0].name, 1 - number % 2, rows[0].name]
            new = [count + sum(one[kind] == right[kind] for one in seen) for kind, count in enumerate(new)]
    kinds, wanted = ("value", "row", "count", "fragment"), times // together * together
    _say(f"{wanted} commits, reads that were new:", *(f"{k} {n}" for k, n in zip(kinds, new, strict=True)))
    _say(f"{idle} of {times // together} rounds began with nothing that could be old")
    return sum(wanted - count for count in new) + idle


def _keeps(ask: Callable[[], Any]) -> bool:
    """Read until everything comes from the cache; True where it never does."""
    return all(ask()[1] for _ in range(KEEP_TRIES))


def _commit(rows: Sequence[Any], name: str, server: Redis, *, away: bool) -> None:
    """One transaction for each row."""
    if away:
        server.kill()
    for row in rows:
        row.name = name
        row.save()
    if away:
        server.start()
        work()


def work() -> None:
    """What a worker does with what is pending."""
    from invalidation.models import Delivery
    from invalidation.pipeline.delivery import deliver
    from invalidation.pipeline.intake import drain

    drain.drain()
    for pk in Delivery.objects.filter(status="pending").values_list("pk", flat=True):
        deliver.deliver("default", pk)


def main() -> int:
    """0 if nothing was stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trial", choices=["orders", "reads", "serve"])
    parser.add_argument("--times", type=int, default=10_000)
    parser.add_argument("--together", type=int, default=1, help="commits of each round, each to a table of its own")
    parser.add_argument("--every", type=int, default=1, help="one of so many orders")
    parser.add_argument("--away", action="store_true")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--redis")
    options = parser.parse_args()
    if options.trial == "serve":
        prepare(options.folder, options.redis)
        serve(options.together)
        return 0
    with tempfile.TemporaryDirectory() as name, Redis(Path(name), persistent=options.away) as server:
        prepare(Path(name), server.url(1), POINTED if options.trial == "orders" else PLAIN)
        if options.trial == "orders":
            return min(orders(options.every), 1)
        return min(reads(options.times, options.together, Path(name), server, away=options.away), 1)


if __name__ == "__main__":
    sys.exit(main())

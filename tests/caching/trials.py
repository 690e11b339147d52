"""`python -m tests.caching.trials`: what the suite tries a few times, many times, on servers of its own.

`orders` runs every order of the steps of writer, worker and readers. `reads` lets one process commit and another one
read, with no worker running: a tagged value, a cached row, a cached count and a fragment; `--away` stops Redis around
each commit, and runs what a worker would before the other process reads.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from deploy.local import Redis

POINTED = "tests.caching.interleaved.PointedCache"
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

    from invalidation.caching import store
    from tests.caching.interleaved import READERS, WRITERS, PointedCache, cast_of, faulty

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


def shown() -> list[Any]:
    """What a reader sees in one unit of work."""
    from django.template import Context, Template

    from invalidation.caching import fresh_start, tagged
    from project.blog.models import Tag

    source = '{% load invalidation %}{% taggedcache 600 "n" tags="blog.tag" %}{{ tag.name }}{% endtaggedcache %}'
    with fresh_start():
        return [
            tagged.get_or_set("name", lambda: Tag.objects.get(slug="x").name, tags="blog.tag"),
            Tag.objects.cached_get(slug="x").name,
            Tag.objects.cached_filter(name__endswith="even").cached_count(),
            Template(source).render(Context({"tag": Tag.objects.get(slug="x")})),
        ]


def serve() -> None:
    """The reading process: an answer for each line."""
    for _ in sys.stdin:
        sys.stdout.write(json.dumps(shown()) + "\n")
        sys.stdout.flush()


@contextmanager
def reader(folder: Path, redis_url: str) -> Iterator[Any]:
    """Asks the reading process."""
    command = [sys.executable, "-m", "tests.caching.trials", "serve", "--folder", str(folder), "--redis", redis_url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        question, answer = cast("IO[str]", process.stdin), cast("IO[str]", process.stdout)

        def ask() -> list[Any]:
            question.write("?\n")
            question.flush()
            return list(json.loads(answer.readline()))

        yield ask
        question.close()


def reads(times: int, folder: Path, server: Redis, *, away: bool) -> int:
    """How many of the reads were old."""
    from django.core.management import call_command

    from project.blog.models import Tag

    call_command("migrate", verbosity=0)
    tag = Tag.objects.create(name="0 even", slug="x")
    old = [0, 0, 0, 0]
    with reader(folder, server.url(1)) as ask:
        ask()
        for number in range(1, times + 1):
            tag.name = f"{number} {'odd' if number % 2 else 'even'}"
            _commit(tag, server, away=away)
            wanted = [tag.name, tag.name, 1 - number % 2, tag.name]
            old = [count + (found != right) for count, found, right in zip(old, ask(), wanted, strict=True)]
    kinds = ("value", "row", "count", "fragment")
    _say(f"{times} commits, reads that were new:", *(f"{k} {times - n}" for k, n in zip(kinds, old, strict=True)))
    return sum(old)


def _commit(tag: Any, server: Redis, *, away: bool) -> None:
    if away:
        server.kill()
    tag.save()
    if away:
        server.start()
        work()


def work() -> None:
    """What a worker does with what is pending."""
    from invalidation.models import Delivery
    from invalidation.pipeline import deliver, drain

    drain.drain()
    for pk in Delivery.objects.filter(status="pending").values_list("pk", flat=True):
        deliver.deliver("default", pk)


def main() -> int:
    """0 if nothing was stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trial", choices=["orders", "reads", "serve"])
    parser.add_argument("--times", type=int, default=10_000)
    parser.add_argument("--every", type=int, default=1, help="one of so many orders")
    parser.add_argument("--away", action="store_true")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--redis")
    options = parser.parse_args()
    if options.trial == "serve":
        prepare(options.folder, options.redis)
        serve()
        return 0
    with tempfile.TemporaryDirectory() as name, Redis(Path(name), persistent=options.away) as server:
        prepare(Path(name), server.url(1), POINTED if options.trial == "orders" else PLAIN)
        if options.trial == "orders":
            return min(orders(options.every), 1)
        return min(reads(options.times, Path(name), server, away=options.away), 1)


if __name__ == "__main__":
    sys.exit(main())

"""The race and the reading on other libraries: `python rivals.py races|reading NAME REDIS_URL ROUNDS`.

Runs in an environment that has them; prints a document of JSON.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.benchmarks.parallel import Outcome, Race
from tests.benchmarks.sampling import medians
from tests.benchmarks.schedule import Schedule, stale_reads

TASK, NAME, REDIS_URL, ROUNDS = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])

MODEL = """from django.db import models

class Row(models.Model):
    number = models.IntegerField()
    title = models.TextField(default="x" * 2000)
"""
#: As the project's own database has them.
SQLITE_OPTIONS = {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL", "timeout": 20}


def configure() -> Any:
    """Django with one model, on a database in a file, with the library switched on."""
    import django
    from django.conf import settings

    folder = tempfile.mkdtemp(dir=Path.cwd())
    Path(folder, "race").mkdir()
    Path(folder, "race", "models.py").write_text(MODEL)
    sys.path.insert(0, folder)
    backend = "django_redis.cache.RedisCache"
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{folder}/race.sqlite3", "OPTIONS": SQLITE_OPTIONS}
    settings.configure(
        INSTALLED_APPS=["django.contrib.contenttypes", "race", NAME],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DATABASES={"default": database},
        CACHES={"default": {"BACKEND": backend, "LOCATION": REDIS_URL}},
        CACHEOPS_REDIS=REDIS_URL,
        CACHEOPS={"race.*": {"ops": "all", "timeout": 60}},
    )
    django.setup()
    from django.db import connection
    from race.models import Row  # type: ignore[import-not-found]

    with connection.schema_editor() as editor:
        editor.create_model(Row)
    Row.objects.create(pk=1, number=0)
    return Row


def races(model: Any) -> dict[str, Any]:
    """In each way in which our own subjects are raced."""
    processes = {"ordered": _parallel(model, 1, in_order=True), "parallel": _parallel(model, ROUNDS)}
    return {name: asdict(outcome) for name, outcome in processes.items()} | {"interleaved": _interleaved(model)}


def _reading(model: Any, pause: Callable[[], None], computed: Callable[[], None]) -> int:
    from django.db import connection

    def around(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if not sql.startswith("SELECT"):
            return execute(sql, params, many, context)
        pause()
        result = execute(sql, params, many, context)
        computed()
        return result

    with connection.execute_wrapper(around):
        return int(model.objects.get(pk=1).number)


def _write(model: Any, number: int) -> None:
    model(pk=1, number=number).save()  # commits, and invalidates by the library's own signals


def _interleaved(model: Any) -> int:
    schedule = Schedule(random.Random(1))

    def steps(number: int) -> Iterator[Callable[[], object]]:
        yield lambda: _write(model, number)

    return stale_reads(ROUNDS, schedule, lambda: _reading(model, schedule.point, schedule.point), steps)


def _parallel(model: Any, rounds: int, *, in_order: bool = False) -> Outcome:
    from django.core.cache import caches
    from django.db import connections

    connections.close_all()
    caches.close_all()
    race = Race(
        rounds,
        lambda computed: _reading(model, lambda: None, computed),
        lambda number: _write(model, number),
        readers=1 if in_order else 2,
        in_order=in_order,
    )
    return race.run()


def reading(model: Any) -> dict[str, float]:
    """Microseconds of a plain get, and of the library's own hits."""
    from django.core.cache import cache

    cache.set("plain", {"title": "x" * 2000})
    reads: dict[str, Callable[[], object]] = {
        "plain": lambda: cache.get("plain"),
        "row": lambda: model.objects.get(pk=1),
    }
    if NAME == "cacheops":
        from cacheops import cached_as  # type: ignore[import-not-found]

        reads["value"] = cached_as(model, timeout=60)(lambda: {"title": "x" * 2000})
    return medians(reads, ROUNDS)


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"races": races, "reading": reading}[TASK](configure())))

"""The race on django-cacheops or django-cachalot: `python rivals.py NAME REDIS_URL ROUNDS`, in a venv that has them."""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from schedule import Schedule, stale_reads  # type: ignore[import-not-found]

NAME, REDIS_URL, ROUNDS = sys.argv[1], sys.argv[2], int(sys.argv[3])

MODEL = "from django.db import models\n\nclass Row(models.Model):\n    number = models.IntegerField()\n"


def configure() -> Any:
    """Django with one model, on a database in a file, with the library switched on."""
    import django
    from django.conf import settings

    folder = tempfile.mkdtemp(dir=Path.cwd())
    Path(folder, "race").mkdir()
    Path(folder, "race", "models.py").write_text(MODEL)
    sys.path.insert(0, folder)
    cache = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
    settings.configure(
        INSTALLED_APPS=["django.contrib.contenttypes", "race", NAME],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{folder}/race.sqlite3"}},
        CACHES={"default": cache},
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


def main() -> None:
    """Print one line."""
    model = configure()
    from django.db import connection

    schedule = Schedule(random.Random(1))

    def around(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if schedule.is_writing or not sql.startswith("SELECT"):
            return execute(sql, params, many, context)
        schedule.point()
        result = execute(sql, params, many, context)
        schedule.point()
        return result

    def read() -> int:
        with connection.execute_wrapper(around):
            return int(model.objects.get(pk=1).number)

    def steps(number: int) -> Iterator[Callable[[], object]]:
        yield lambda: model(pk=1, number=number).save()  # commits, and invalidates by the library's own signals

    stale = stale_reads(ROUNDS, schedule, read, steps)
    sys.stdout.write(f"{NAME:16} {stale:6} stale reads in {ROUNDS} rounds\n")


if __name__ == "__main__":
    main()

"""A process that saves and loads articles on command: `python -m tests.benchmarks.desk KIND DATABASE_URL REDIS_URL`.

Kinds: `bare` Django; `raw`, the same with one INSERT of an event's row in each transaction, written by hand; `quiet`,
the app without its announcement; `ours`. Each line of its input is an order; each line of its output the microseconds.
"""

from __future__ import annotations

import json
import sys
import time
import uuid
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import django
from django.conf import settings

from project.settings.stores import database

if TYPE_CHECKING:
    from tests.benchmarks.press.models import Article

ROWS = 1000
APPS = ["django.contrib.contenttypes", "django.contrib.auth", "tests.benchmarks.press"]
INSERT = """INSERT INTO invalidation_event
    (uid, created_at, source, actor, reason, correlation_id, lane, tiers, targets, status)
    VALUES (%s, %s, 'save', '', '', '', 'editorial', '', %s, 'pending')"""
TARGETS = json.dumps({"tags": ["press.article", "press.article:1"], "urls": [f"/press/{n}/" for n in range(8)]})


def configure(kind: str, database_url: str, redis_url: str) -> None:
    """Django, with the app where it is measured."""
    with_app = kind in ("ours", "quiet")
    settings.configure(
        SECRET_KEY="x",
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DATABASES={"default": database(database_url)},
        INSTALLED_APPS=[*APPS, *(["invalidation", "invalidation.contrib.celery"] if with_app else [])],
        INVALIDATION={"SITES": ["https://press.example"], "TIERS": {}, "REDIS_URL": f"{redis_url}/1"},
    )
    django.setup()
    if with_app:
        connect(kind, redis_url)


def connect(kind: str, redis_url: str) -> None:
    """Celery as a web process has it; without the announcement where it isn't measured."""
    from celery import Celery

    from invalidation.contrib.celery import configure as configure_celery
    from invalidation.signals import event_recorded

    application = Celery("press", broker=f"{redis_url}/0")
    configure_celery(application)
    application.set_default()
    if kind == "quiet":
        event_recorded.receivers.clear()


def create() -> None:
    """The tables, the app's among them, and the rows."""
    from django.core.management import call_command

    from tests.benchmarks.press.models import Article, Named

    call_command("migrate", run_syncdb=True, verbosity=0)
    author, section = Named.objects.create(slug="a"), Named.objects.create(slug="s")
    text = {"title": "x", "excerpt": "x", "body": "x" * 2000}
    Article.objects.bulk_create(Article(slug=f"{n}", author=author, section=section, **text) for n in range(ROWS))


def articles() -> list[Article]:
    """As a view that edits them has loaded them."""
    from tests.benchmarks.press.models import Article

    return list(Article.objects.select_related("author", "section").order_by("id"))


class Desk:
    """Obeys one order after the other."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.rows = articles()
        self.next = 0

    def save(self, each: int, times: int) -> Iterable[float]:
        """So many transactions with so many saves each."""
        for _ in range(times):
            chosen = [self.rows[(self.next + n) % ROWS] for n in range(each)]
            self.next += each
            started = time.perf_counter()
            self._transaction(chosen)
            yield time.perf_counter() - started

    def load(self, times: int) -> Iterable[float]:
        """All the rows."""
        from tests.benchmarks.press.models import Article

        for _ in range(times):
            started = time.perf_counter()
            list(Article.objects.all())
            yield time.perf_counter() - started

    def _transaction(self, chosen: Sequence[Article]) -> None:
        from django.db import transaction

        with transaction.atomic():
            for row in chosen:
                row.title = "x" if row.title == "y" else "y"
                row.save()
            if self.kind == "raw":
                self._insert()

    def _insert(self) -> None:
        from django.db import connection
        from django.utils import timezone

        with connection.cursor() as cursor:
            cursor.execute(INSERT, [uuid.uuid4().hex, str(timezone.now()), TARGETS])


def main(kind: str, database_url: str, redis_url: str) -> None:
    """Obey until the input ends."""
    configure(kind, database_url, redis_url)
    desk: Any = None
    for line in sys.stdin:
        order, *numbers = json.loads(line)
        if order == "create":
            create()
            answer: list[float] = []
        else:
            desk = desk or Desk(kind)
            answer = [1e6 * taken for taken in getattr(desk, order)(*numbers)]
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])

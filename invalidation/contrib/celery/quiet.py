"""Spares the messages of housekeeping that would find nothing to do: beat asks the database before it sends one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from queue import SimpleQueue
from threading import Thread
from typing import Any

from celery import Task
from django.db import DatabaseError, connections
from django.db.models import QuerySet
from django.utils import timezone

from invalidation.pipeline.aftercare.verify import PAUSE
from invalidation.rows import batches, instants

#: What each of these tasks looks for; the sweep, which also counts the minutes, runs in any case.
WORK: dict[str, Callable[[str, datetime], QuerySet[Any]]] = {
    "invalidation.fire": instants.due,
    "invalidation.rebound": batches.due_for_rebound,
    "invalidation.refresh": lambda database, _: batches.to_refresh(database),
    "invalidation.verify": lambda database, now: batches.unverified(database, asked_since=now - PAUSE),
}
#: How long beat, which has the host's own entries to send, waits for an answer.
PATIENCE_SECONDS = 1.0


class Quiet(Task):  # type: ignore[type-arg]  # older releases of Celery have no parameters there
    """A task that is only sent where there is something for it to do."""

    abstract = True

    def apply_async(self, args: Any = None, kwargs: Any = None, *others: Any, **options: Any) -> Any:
        """Send it; None, and no message, where it would do nothing."""
        database = str((kwargs or {}).get("database") or next(iter(args or ()), "default"))
        if asker.is_due(str(self.name), database):
            return super().apply_async(args, kwargs, *others, **options)
        return None


class Asker:
    """Asks in a thread of its own, so that a database that does not answer keeps nobody waiting.

    A question that is not answered in time is left behind, and none is put until its answer is there: until then
    whatever is asked about is taken to be due, and the task itself will find out.
    """

    def __init__(self) -> None:
        self._questions: SimpleQueue[tuple[str, str, Future[bool]]] = SimpleQueue()
        self._thread: Thread | None = None
        self._asked: Future[bool] | None = None

    def is_due(self, task: str, database: str) -> bool:
        """Is there work for the task, as far as can be learnt within `PATIENCE_SECONDS`?"""
        if self._thread is None or not self._thread.is_alive():  # the first time, or in a child
            self._begin()
        elif self._asked and not self._asked.done():
            return True
        asked: Future[bool] = Future()
        self._asked = asked
        self._questions.put((task, database, asked))
        try:
            return asked.result(PATIENCE_SECONDS)
        except TimeoutError:
            return True

    def _begin(self) -> None:
        self._questions = SimpleQueue()
        self._thread = Thread(target=self._answer, args=(self._questions,), name="invalidation-due", daemon=True)
        self._thread.start()

    @staticmethod
    def _answer(questions: SimpleQueue[tuple[str, str, Future[bool]]]) -> None:
        while True:
            task, database, asked = questions.get()
            try:
                asked.set_result(is_due(task, database))
            except BaseException as error:  # noqa: BLE001 (who asked is told)
                asked.set_exception(error)


asker = Asker()


def is_due(task: str, database: str) -> bool:
    """Is there work for it? Taken for granted where the database can't tell: the task itself will find out."""
    try:
        return WORK[task](database, timezone.now()).exists()
    except DatabaseError:
        connections[database].close()
        return True
    finally:
        connections[database].close_if_unusable_or_obsolete()

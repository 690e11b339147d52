"""Spares the messages of housekeeping that would find nothing to do: beat asks the database before it sends one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
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
    "invalidation.verify": lambda database, now: batches.unverified(database, asked_since=now - PAUSE),
}


class Quiet(Task[Any, Any]):
    """A task that is only sent where there is something for it to do."""

    abstract = True

    def apply_async(self, args: Any = None, kwargs: Any = None, *others: Any, **options: Any) -> Any:
        """Send it; None, and no message, where it would do nothing."""
        database = str((kwargs or {}).get("database") or next(iter(args or ()), "default"))
        if is_due(str(self.name), database):
            return super().apply_async(args, kwargs, *others, **options)
        return None


def is_due(task: str, database: str) -> bool:
    """Is there work for it? Taken for granted where the database can't tell: the task itself will find out."""
    try:
        connections[database].close_if_unusable_or_obsolete()
        return WORK[task](database, timezone.now()).exists()
    except DatabaseError:
        connections[database].close()
        return True

"""A task is a unit of work: it may store cached values of what it read itself."""

from __future__ import annotations

from typing import Any

from celery import Task
from celery.signals import task_prerun

from invalidation.freshness import beginning


def connect() -> None:
    """Listen to the tasks of this process, the host's own too."""
    task_prerun.connect(begin, dispatch_uid="workers.units")


def begin(task: Task[Any, Any], **_: Any) -> None:
    """One that runs at once in who called it belongs to the caller's unit: what it was handed was read before."""
    if not task.request.is_eager:
        beginning.begin()

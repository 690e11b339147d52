"""Saves a post of the blog beside a worker in the same process, and prints which files of the app that enters.

`tests.adoption.documentation.architecture` runs it, with the addresses of real servers in the environment.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from itertools import islice
from types import FrameType
from typing import Any

import django

from deploy.local import wait_for
from tests.adoption.documentation.commands import ROOT

PRODUCT = f"{ROOT / 'invalidation'}{os.sep}"
#: Threads of the process that saves; the others are the worker's.
SAVING = ("MainThread", "invalidation-announcer")
PATIENCE_SECONDS = 60
#: So many are compared: now and then one opens a connection anew.
SAVES = 3
#: On a busy machine a drain may leave Varnish to a task of its own, which is another way.
TRIES = 20


class Entered:
    """A trace function: files of the app of which a function runs, and in whose thread first."""

    def __init__(self) -> None:
        self.sides: dict[str, str] = {}
        self.on = False

    def __call__(self, frame: FrameType, _event: str, _argument: Any) -> None:
        """A call."""
        file = frame.f_code.co_filename
        if self.on and file.startswith(PRODUCT) and file not in self.sides and not is_import(frame):
            self.sides[file] = "save" if threading.current_thread().name in SAVING else "worker"


def is_import(frame: FrameType | None) -> bool:
    """Does it run because a module is imported?"""
    while frame is not None and not frame.f_code.co_filename.startswith("<frozen importlib"):
        frame = frame.f_back
    return frame is not None


def followed(entered: Entered) -> dict[str, str]:
    """What every save enters once the caches and connections of the process are there, in that order."""
    from celery import Celery
    from celery.contrib.testing.worker import start_worker

    from invalidation.contrib.celery import configure

    app = Celery("traced")
    app.config_from_object("django.conf:settings", namespace="CELERY")
    configure(app)
    with start_worker(app, pool="solo", perform_ping_check=False):
        drained(written)
        drained(edit())
        traces = list(islice(filter(None, (traced(entered, edit()) for _ in range(TRIES))), SAVES))
    assert len(traces) == SAVES, f"Of {TRIES} drains few purged Varnish themselves."
    first, *others = traces
    return {file.removeprefix(PRODUCT): first[file] for file in first if all(file in other for other in others)}


def traced(entered: Entered, write: Callable[[], None]) -> dict[str, str]:
    """What one save enters; nothing where Varnish was left to another task."""
    entered.sides, entered.on = {}, True
    alone = drained(write)
    entered.on = False
    return entered.sides if alone else {}


def written() -> None:
    """A blog with one post."""
    from project.blog.models import Author, Category, Post

    category = Category.objects.create(name="Travel", slug="travel")
    author = Author.objects.create(username="amara")
    Post.objects.create(
        title="Trains", slug="trains", body="Tea.", status=Post.Status.PUBLISHED, category=category, author=author
    )


def edit() -> Callable[[], None]:
    """The save of a post that is loaded."""
    from project.blog.models import Post

    post: Post = Post.objects.get()
    post.title += " again"
    return post.save


def drained(write: Callable[[], None]) -> bool:
    """Has the drain that a write sets off purged Varnish itself? Returns once it is purged in any case."""
    from celery.signals import task_postrun
    from django.db import transaction

    from invalidation.models import Event, EventStatus

    ended = threading.Event()

    def note(task: Any, **_: Any) -> None:
        if task.name == "invalidation.drain":
            ended.set()

    def is_done() -> bool:
        return not Event.objects.exclude(status=EventStatus.DONE).exists()

    task_postrun.connect(note)
    with transaction.atomic():
        write()
    assert ended.wait(PATIENCE_SECONDS), "No drain has ended."
    done = is_done()
    wait_for(is_done, PATIENCE_SECONDS, "Varnish to be purged")
    return done


if __name__ == "__main__":
    tracer = Entered()
    threading.settrace(tracer)
    sys.settrace(tracer)
    django.setup()
    json.dump(followed(tracer), sys.stdout)

"""Makes a Celery application run the workers, and changes nothing else of it: queues and schedule entries are added."""

from __future__ import annotations

from typing import Any

from celery import Celery, Task
from celery.signals import (
    after_task_publish,
    beat_embedded_init,
    beat_init,
    task_prerun,
    worker_process_shutdown,
    worker_ready,
)
from kombu.utils.imports import symbol_by_name

from invalidation import conf
from invalidation.contrib.celery import host, queues
from invalidation.contrib.celery.consuming import transport
from invalidation.contrib.celery.schedule import schedule

#: The task that nobody but beat sends.
BEATS_TASK = "invalidation.sweep"

#: Longest that one of our tasks may run, in seconds; below the visibility timeout, or Redis would hand it out twice.
TASK_SECONDS = 60

#: On our own tasks, because the application's settings are the host's; each was measured on Celery 5.7 over Redis.
TASK_OPTIONS: dict[str, Any] = {
    # JSON only: pickle would let whoever reaches the broker run code in the workers.
    "serializer": "json",
    # Status lives in the database; results would only fill Redis.
    "ignore_result": True,
    # A message outlives the process that runs it. Not loss-free on Redis, which is why the outbox is the truth.
    "acks_late": True,
    "reject_on_worker_lost": True,
    # What failed is told by its row and tried again by a message of its own.
    "acks_on_failure_or_timeout": True,
    "time_limit": TASK_SECONDS,
    "soft_time_limit": TASK_SECONDS - 10,
}


def configure(app: Celery) -> None:
    """Let `app` consume our queues and send what beat must; before or after it reads its own configuration."""
    host.remember(app)
    _listen()
    app.autodiscover_tasks(["invalidation.contrib.celery"])
    app.amqp_cls = _with_queues(symbol_by_name(app.amqp_cls or ""))
    app.__dict__.pop("amqp", None)  # made of the class it had
    if app.configured:  # type: ignore[attr-defined]  # the stubs lack it
        _add_schedule(app)
    # Also where it is configured already: it may be once more.
    app.on_after_configure.connect(_add_schedule, weak=False, dispatch_uid="invalidation.contrib.celery.schedule")


def _listen() -> None:
    """To Celery itself: a worker that starts asks for the doctor, beat is noticed at work, nothing is left unsaid.

    And each task, the host's own too, is a unit of work: it may store cached values of what it read itself.
    """
    worker_ready.connect(_examine, dispatch_uid="invalidation.examine")
    for begins in (beat_init, beat_embedded_init):  # or a new site would be told that beat is silent
        begins.connect(_note_beat, dispatch_uid="invalidation.note_beat")
    after_task_publish.connect(_note_beat, sender=BEATS_TASK, dispatch_uid="invalidation.note_beat")
    task_prerun.connect(_begin, dispatch_uid="invalidation.begin")
    worker_process_shutdown.connect(_flush, dispatch_uid="invalidation.flush")


def _examine(**_: Any) -> None:
    from invalidation.contrib.celery.announcing import announce

    announce.enqueue_examination()


def _note_beat(**_: Any) -> None:
    from invalidation.contrib.celery import health

    health.note_beat()


def _begin(task: Task[Any, Any], **_: Any) -> None:
    """One that runs at once in who called it belongs to the caller's unit: what it was handed was read before."""
    from invalidation.freshness import unit_of_work

    if not task.request.is_eager:
        unit_of_work.begin()


def _flush(**_: Any) -> None:
    """A process of the prefork pool ends without `atexit`."""
    from invalidation.contrib.celery.announcing import announce

    announce.process.flush()


def _with_queues(amqp_class: Any) -> Any:
    """That class, whose queues are also ours, beside what the host declares or leaves at its default.

    Its connections drop what lies on ours and is no message.
    """

    class Guest(amqp_class):  # type: ignore[misc]  # a class of the host's choice
        Connection = BrokerConnection = transport.guarded(amqp_class.Connection)

        def Queues(self, *arguments: Any, **options: Any) -> Any:  # noqa: N802 (Celery's name)
            made = super().Queues(*arguments, **options)
            for queue in queues.queues():
                made.select_add(queue)
            return made

    return Guest


def _add_schedule(sender: Celery, **_: Any) -> None:
    """An entry that the host names like one of ours stays its own."""
    priorities = queues.priorities(sender.connection_for_write())
    sender.conf.beat_schedule = {**schedule(conf.settings(), priorities), **sender.conf.beat_schedule}

"""Makes a Celery application run the workers, and changes nothing else of it: queues and schedule entries are added."""

from __future__ import annotations

from typing import Any

from celery import Celery
from kombu.utils.imports import symbol_by_name

from invalidation import conf
from workers import queues
from workers.schedule import schedule

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
    "time_limit": TASK_SECONDS,
    "soft_time_limit": TASK_SECONDS - 10,
}


def configure(app: Celery) -> None:
    """Let `app` consume our queues and send what beat must; before or after it reads its own configuration."""
    app.autodiscover_tasks(["workers"])
    app.amqp_cls = _with_queues(symbol_by_name(app.amqp_cls or ""))
    app.__dict__.pop("amqp", None)  # made of the class it had
    if app.configured:  # type: ignore[attr-defined]  # the stubs lack it
        _add_schedule(app)
    # Also where it is configured already: it may be once more.
    app.on_after_configure.connect(_add_schedule, weak=False, dispatch_uid="workers.schedule")


def _with_queues(amqp_class: Any) -> Any:
    """That class, whose queues are also ours, beside what the host declares or leaves at its default."""

    class Guest(amqp_class):  # type: ignore[misc]  # a class of the host's choice
        def Queues(self, *arguments: Any, **options: Any) -> Any:  # noqa: N802 (Celery's name)
            made = super().Queues(*arguments, **options)
            for queue in queues.queues():
                made.select_add(queue)
            return made

    return Guest


def _add_schedule(sender: Celery, **_: Any) -> None:
    """An entry that the host names like one of ours stays its own."""
    sender.conf.beat_schedule = {**schedule(conf.settings()), **sender.conf.beat_schedule}

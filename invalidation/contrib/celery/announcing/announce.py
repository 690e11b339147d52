"""Announcing: the app's signals become messages, never at the request's expense. Celery is imported by the first."""

from __future__ import annotations

from typing import Any

from asgiref.sync import SyncToAsync
from django.core.signals import request_finished

from invalidation.contrib.celery.announcing.announcer import END_SECONDS, MAX_NAMED, Process, Word
from invalidation.models import Batch, BatchStatus, Delivery
from invalidation.signals import audit_due, batch_settled, deliveries_ready, event_recorded, examination_due

#: A wait longer than this stays in the database and ends with the sweep: a Celery countdown above the visibility
#: timeout, which is the host's, is delivered again and again (kombu #337).
MAX_COUNTDOWN_SECONDS = 60.0


def connect() -> None:
    """Listen to the app."""
    event_recorded.connect(announce_events, dispatch_uid="invalidation.announce_events")
    deliveries_ready.connect(enqueue_deliveries, dispatch_uid="invalidation.enqueue_deliveries")
    batch_settled.connect(enqueue_refresh, dispatch_uid="invalidation.enqueue_refresh")
    examination_due.connect(enqueue_examination, dispatch_uid="invalidation.enqueue_examination")
    audit_due.connect(enqueue_audit, dispatch_uid="invalidation.enqueue_audit")
    request_finished.connect(_outlive_asgi, dispatch_uid="invalidation.outlive_asgi")


def _send(word: Word) -> None:
    from invalidation.contrib.celery.announcing import messages

    messages.send_word(word)


process = Process(_send)


def announce_events(*, database: str, uids: list[str], lane: str, correlation_id: str = "", **_: Any) -> None:
    """Let the workers know that events are pending."""
    process.announcer.leave(Word(database, tuple(uids[:MAX_NAMED]), lane, correlation_id or uids[0]))


def _outlive_asgi(**_: Any) -> None:
    """Servers of ASGI may end by the signal that asks them to, without `atexit`; but first they wait for requests.

    Whoever asked has the whole response by now, and the thread is this request's own.
    """
    if SyncToAsync.thread_sensitive_context.get(None) is not None:
        process.announcer.settle(END_SECONDS)


def enqueue_deliveries(*, database: str, deliveries: list[Delivery], wait_seconds: float, **_: Any) -> None:
    """A message for each that the running task doesn't go on with; the sweep sees to long waits."""
    from invalidation.contrib.celery.announcing import messages
    from invalidation.contrib.celery.consuming import inline

    deliveries = inline.left(database, deliveries, wait_seconds)
    if deliveries and wait_seconds <= MAX_COUNTDOWN_SECONDS:
        messages.send_deliveries(database, deliveries, wait_seconds)


def enqueue_refresh(*, database: str, batch: Batch, **_: Any) -> None:
    """Let a worker fetch again what a batch has purged; the schedule sees to what is not announced."""
    if batch.wants_refresh and batch.status == BatchStatus.DONE:
        from invalidation.contrib.celery.announcing import messages

        messages.send_refresh(database, batch)


def enqueue_examination(**_: Any) -> None:
    """Let a worker be the doctor: when a worker starts, and when somebody asks."""
    from invalidation.contrib.celery.announcing import messages

    messages.send_examination()


def enqueue_audit(**_: Any) -> None:
    """Let a worker audit, when somebody asks."""
    from invalidation.contrib.celery.announcing import messages

    messages.send_audit()

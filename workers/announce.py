"""Announcing: the app's signals become Celery messages, within a bound and never at the request's expense."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import structlog
from celery import current_app
from celery.signals import worker_ready
from kombu import Connection, Producer
from kombu.exceptions import OperationalError
from kombu.pools import producers

from invalidation import conf, context
from invalidation.models import Delivery
from invalidation.signals import deliveries_ready, event_recorded, examination_due
from invalidation.values import CacheKey, Lane
from workers import onward
from workers.queues import EVENTS, PRIORITIES, tier_queue

logger = structlog.get_logger(__name__)

#: Events named in a message; the drain takes whatever is pending, names are for the person at Flower.
MAX_NAMED = 20
#: A wait longer than this stays in the database and ends with the sweep: a Celery countdown above the visibility
#: timeout, which is the host's, is delivered again and again (kombu #337).
MAX_COUNTDOWN_SECONDS = 60.0
#: An examination that waited for longer is of no use to who asked for it.
EXAMINATION_SECONDS = 60


@dataclass(slots=True)
class Pause:
    """Leaves the broker alone for a while after it failed, so that only one commit per process pays for that."""

    until: float = 0.0
    """Reading of the monotonic clock."""

    @property
    def over(self) -> bool:
        """May the broker be asked?"""
        return time.monotonic() >= self.until

    def start(self, error: Exception) -> None:
        """It failed: what was to be announced is in the database, where the sweep finds it."""
        seconds = conf.settings().announce_pause_seconds
        self.until = time.monotonic() + seconds
        logger.warning("broker_away", error=str(error), pause_seconds=seconds)


pause = Pause()


def connect() -> None:
    """Listen to the app."""
    event_recorded.connect(announce_events, dispatch_uid="workers.announce_events")
    deliveries_ready.connect(enqueue_deliveries, dispatch_uid="workers.enqueue_deliveries")
    examination_due.connect(enqueue_examination, dispatch_uid="workers.enqueue_examination")
    worker_ready.connect(enqueue_examination, dispatch_uid="workers.enqueue_examination")


@cache
def _connection() -> Connection:
    """A connection of its own, whose every answer is bounded; opened by its first use, hence after a fork."""
    seconds = conf.settings().announce_timeout_seconds
    connection = current_app.connection_for_write()
    bounded = {"socket_timeout": seconds, "socket_connect_timeout": seconds, "max_retries": 0}
    return connection.clone(transport_options={**(connection.transport_options or {}), **bounded})


@contextmanager
def _producer() -> Iterator[Producer]:
    with producers[_connection()].acquire(block=True, timeout=conf.settings().announce_timeout_seconds) as producer:
        yield producer


def announce_events(*, database: str, uids: list[str], lane: str, **_: Any) -> None:
    """Tell the workers that events are pending; at most one bounded try, none while the broker is left alone."""
    if not pause.over:
        return
    named = {"events": uids[:MAX_NAMED], "correlation_id": context.correlation_id()}
    try:
        with _producer() as producer:
            arguments = {"database": database, **named}
            _send("invalidation.drain", arguments, queue=EVENTS, priority=PRIORITIES[Lane(lane)], producer=producer)
    except OperationalError as error:
        pause.start(error)


def enqueue_deliveries(*, database: str, deliveries: list[Delivery], wait_seconds: float, **_: Any) -> None:
    """One task on its tier's queue for each that the running task doesn't go on with; the sweep sees to long waits."""
    deliveries = onward.left(database, deliveries, wait_seconds)
    if not deliveries or wait_seconds > MAX_COUNTDOWN_SECONDS or not pause.over:
        return
    try:
        with _producer() as producer:
            for delivery in deliveries:
                arguments = {"database": database, "delivery": delivery.pk, **_described(delivery)}
                place = {"queue": tier_queue(delivery.tier), "priority": PRIORITIES[Lane(delivery.batch.lane)]}
                _send("invalidation.deliver", arguments, **place, countdown=wait_seconds or None, producer=producer)
    except OperationalError as error:
        pause.start(error)


def enqueue_examination(**_: Any) -> None:
    """Let a worker be the doctor: when a worker starts, and when somebody asks."""
    try:
        with _producer() as producer:
            _send("invalidation.canary", {}, queue=EVENTS, expires=EXAMINATION_SECONDS, producer=producer)
    except OperationalError as error:
        pause.start(error)


def _send(task: str, arguments: dict[str, Any], **options: Any) -> None:
    """One try: a retry would hold the request, and the sweep retries anyway."""
    current_app.send_task(task, kwargs=arguments, retry=False, ignore_result=True, **options)


def _described(delivery: Delivery) -> dict[str, Any]:
    """What Flower shows of a delivery."""
    batch = delivery.batch
    return {
        "correlation_id": batch.correlation_id,
        "batch": batch.pk,
        "tier": delivery.tier,
        "node": delivery.node,
        "delivery_pass": delivery.delivery_pass,
        "purges": summary(batch.targets),
    }


def summary(targets: Mapping[str, Any], limit: int = 5) -> str:
    """The first few targets of the document that `Targets` stores, and how many more."""
    if targets.get("everything"):
        return "everything"
    keys = [CacheKey.of(key).key for key in targets.get("keys", ())]
    names = [*targets.get("tags", ()), *targets.get("prefixes", ()), *targets.get("urls", ()), *keys]
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return " ".join(names[:limit]) + more

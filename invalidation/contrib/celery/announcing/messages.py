"""Our Celery messages: one bounded try each, and none for a while after the broker failed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from kombu import Connection, Producer
from kombu.exceptions import OperationalError
from kombu.pools import producers

from invalidation import conf, lazy
from invalidation.contrib.celery.announcing.announcer import Word
from invalidation.contrib.celery.host import application
from invalidation.contrib.celery.queues import EVENTS, PRIORITIES, tier_queue
from invalidation.contrib.celery.summary import summary
from invalidation.models import Batch, Delivery
from invalidation.targets.values import Lane

if TYPE_CHECKING:
    from celery import Celery

logger = lazy.Logger(__name__)

#: An examination that waited for longer is of no use to who asked for it.
EXAMINATION_SECONDS = 60


@dataclass(slots=True)
class Pause:
    """Leaves the broker alone for a while after it failed, so that only one try per process pays for that."""

    until: float = 0.0
    """Reading of the monotonic clock."""

    @property
    def over(self) -> bool:
        """May the broker be asked?"""
        return time.monotonic() >= self.until

    def start(self, error: Exception) -> None:
        """It failed: what was to be announced is in the database, where the sweep finds it."""
        seconds = conf.settings().workers.announce_pause_seconds
        self.until = time.monotonic() + seconds
        logger.warning("broker_away", error=str(error), pause_seconds=seconds)


pause = Pause()


@cache
def _connection(process: int, app: Celery) -> Connection:
    """A connection of its own, whose every answer is bounded. The pool must not take a parent's for this process'."""
    seconds = conf.settings().workers.announce_timeout_seconds
    connection = app.connection_for_write()
    bounded = {"socket_timeout": seconds, "socket_connect_timeout": seconds, "max_retries": 0, "process": process}
    return connection.clone(transport_options={**(connection.transport_options or {}), **bounded})


@contextmanager
def _producer() -> Iterator[Producer]:
    seconds = conf.settings().workers.announce_timeout_seconds
    with producers[_connection(os.getpid(), application())].acquire(block=True, timeout=seconds) as producer:
        yield producer


def send_word(word: Word) -> None:
    """Tell the workers that events are pending."""
    if not pause.over:
        return
    arguments = {"database": word.database, "events": list(word.uids), "correlation_id": word.correlation_id}
    if word.lane == Lane.TAKEDOWN:
        arguments["lane"] = word.lane
    try:
        with _producer() as producer:
            priority = PRIORITIES[Lane(word.lane)]
            _send("invalidation.drain", arguments, queue=EVENTS, priority=priority, producer=producer)
    except OperationalError as error:
        pause.start(error)


def send_deliveries(database: str, deliveries: Sequence[Delivery], wait_seconds: float) -> None:
    """One task on its tier's queue for each."""
    if not pause.over:
        return
    try:
        with _producer() as producer:
            for delivery in deliveries:
                arguments = {"database": database, "delivery": delivery.pk, **_described(delivery)}
                place = {"queue": tier_queue(delivery.tier), "priority": PRIORITIES[Lane(delivery.batch.lane)]}
                _send("invalidation.deliver", arguments, **place, countdown=wait_seconds or None, producer=producer)
    except OperationalError as error:
        pause.start(error)


def send_refresh(database: str, batch: Batch) -> None:
    """Let a worker fetch again what was purged."""
    if pause.over:
        _send_one("invalidation.refresh", {"database": database}, priority=PRIORITIES[Lane(batch.lane)])


def send_examination() -> None:
    """Let a worker be the doctor."""
    _send_one("invalidation.canary", {}, expires=EXAMINATION_SECONDS)


def _send_one(task: str, arguments: dict[str, Any], **options: Any) -> None:
    try:
        with _producer() as producer:
            _send(task, arguments, queue=EVENTS, producer=producer, **options)
    except OperationalError as error:
        pause.start(error)


def _send(task: str, arguments: dict[str, Any], **options: Any) -> None:
    """One try: a retry would hold whoever waits, and the sweep retries anyway."""
    application().send_task(task, kwargs=arguments, serializer="json", retry=False, ignore_result=True, **options)


def _described(delivery: Delivery) -> dict[str, Any]:
    """What Flower shows of a delivery."""
    batch = delivery.batch
    return {
        "correlation_id": batch.correlation_id,
        "batch": batch.pk,
        "tier": delivery.tier,
        "node": delivery.node,
        "delivery_pass": delivery.delivery_pass,
        "lane": batch.lane,
        "purges": summary(batch.readable),
    }

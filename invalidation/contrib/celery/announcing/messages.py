"""Our Celery messages: one bounded try each, and none for a while after the broker failed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from kombu import Connection, Producer
from kombu.exceptions import OperationalError
from kombu.pools import producers

from invalidation import conf, lazy
from invalidation.contrib.celery.announcing.announcer import Word
from invalidation.contrib.celery.host import application
from invalidation.contrib.celery.queues import EVENTS, priorities, speaks_amqp, tier_queue
from invalidation.contrib.celery.summary import summary
from invalidation.models import Batch, Delivery
from invalidation.targets.values import Lane

if TYPE_CHECKING:
    from celery import Celery

logger = lazy.Logger(__name__)

#: An examination that waited for longer is of no use to who asked for it.
EXAMINATION_SECONDS = 60
#: Purges overtake an audit, which may wait for long while there are many.
AUDIT_SECONDS = 900


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


@contextmanager
def _producer() -> Iterator[Producer]:
    """One of this process' own.

    Raises:
        kombu.exceptions.OperationalError: the broker is away, or did not answer in time.
    """
    seconds = conf.settings().workers.announce_timeout_seconds
    pool = producers[_connection(os.getpid(), application())]
    with pool.acquire(block=True, timeout=seconds) as producer, _bounded(producer.connection, seconds):
        yield producer


@cache
def _connection(process: int, app: Celery) -> Connection:
    """A connection of its own. The pool must not take a parent's for this process'."""
    seconds = conf.settings().workers.announce_timeout_seconds
    connection = app.connection_for_write()
    # Redis' two, and RabbitMQ's: without proof, what is sent to a broker that is frozen or gone counts as sent.
    bounds = {"socket_timeout": seconds, "socket_connect_timeout": seconds}
    bounds |= {"connect_timeout": seconds, "confirm_publish": True} if speaks_amqp(connection) else {}
    options = {**(connection.transport_options or {}), **bounds, "max_retries": 0, "process": process}
    return connection.clone(transport_options=options)


@contextmanager
def _bounded(connection: Connection, seconds: float) -> Iterator[None]:
    """Bounds the answers of a RabbitMQ too, which py-amqp can't be asked to: sockets of gevent know no SO_RCVTIMEO."""
    if not speaks_amqp(connection):
        yield
        return
    _notice_its_end(connection)
    connection.ensure_connection(max_retries=0)
    connection.connection.transport.sock.settimeout(seconds)
    try:
        yield
    except OperationalError:
        connection.collect()  # or the next message would take the late answer to this one for its own
        raise


def _notice_its_end(connection: Connection) -> None:
    """A broker that was restarted has ended it, which py-amqp learns by reading; else the first message is lost."""
    if connection.connected:
        with suppress(TimeoutError, *connection.connection_errors):
            connection.drain_events(timeout=0)


def send_word(word: Word) -> None:
    """Tell the workers that events are pending."""
    if not pause.over:
        return
    arguments = {"database": word.database, "events": list(word.uids), "correlation_id": word.correlation_id}
    if word.lane == Lane.TAKEDOWN:
        arguments["lane"] = word.lane
    _send_one("invalidation.drain", arguments, word.lane)


def send_deliveries(database: str, deliveries: Sequence[Delivery], wait_seconds: float) -> None:
    """One task on its tier's queue for each."""
    if not pause.over:
        return
    try:
        with _producer() as producer:
            for delivery in deliveries:
                arguments = {"database": database, "delivery": delivery.pk, **_described(delivery)}
                place = tier_queue(delivery.tier), delivery.batch.lane
                _send("invalidation.deliver", arguments, producer, *place, countdown=wait_seconds or None)
    except OperationalError as error:
        pause.start(error)


def send_refresh(database: str, batch: Batch) -> None:
    """Let a worker fetch again what was purged."""
    if pause.over:
        _send_one("invalidation.refresh", {"database": database}, batch.lane)


def send_examination() -> None:
    """Let a worker be the doctor."""
    _send_one("invalidation.canary", {}, Lane.TAKEDOWN, expires=EXAMINATION_SECONDS)


def send_audit() -> None:
    """Let a worker look for what is never purged, and for what is purged in vain."""
    _send_one("invalidation.audit", {}, Lane.BULK, expires=AUDIT_SECONDS)


def _send_one(task: str, arguments: dict[str, Any], lane: str, **options: Any) -> None:
    try:
        with _producer() as producer:
            _send(task, arguments, producer, EVENTS, lane, **options)
    except OperationalError as error:
        pause.start(error)


def _send(task: str, arguments: dict[str, Any], producer: Producer, queue: str, lane: str, **options: Any) -> None:
    """One try: a retry would hold whoever waits, and the sweep retries anyway."""
    connection = cast("Connection", producer.connection)
    options |= {"priority": priorities(connection)[Lane(lane)], "retry": False, "ignore_result": True}
    application().send_task(task, kwargs=arguments, producer=producer, queue=queue, serializer="json", **options)


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

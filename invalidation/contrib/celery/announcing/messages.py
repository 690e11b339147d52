"""Our Celery messages: one bounded try each, and none for a while after the broker failed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from kombu import Connection, Producer
from kombu.exceptions import OperationalError

from invalidation import conf, lazy
from invalidation.contrib.celery.announcing.announcer import Word
from invalidation.contrib.celery.announcing.connections import bounded_producer
from invalidation.contrib.celery.host import application
from invalidation.contrib.celery.queues import EVENTS, priorities, tier_queue
from invalidation.contrib.celery.summary import summary
from invalidation.models import Batch, Delivery
from invalidation.targets.values import Lane

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
        with bounded_producer() as producer:
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


def _send_one(task: str, arguments: dict[str, Any], lane: str, **options: Any) -> None:
    try:
        with bounded_producer() as producer:
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

"""Queues on the broker: one for events, one per tier, so that a slow CDN never delays Redis."""

from __future__ import annotations

from collections.abc import Mapping

from kombu import Connection, Exchange, Queue

from invalidation import conf
from invalidation.targets.values import Lane

EXCHANGE = Exchange("invalidation", type="direct")
EVENTS = "invalidation.events"
#: Redis' broker keeps a list per priority and serves 0 first, so that a takedown overtakes what already waits.
PRIORITIES = {Lane.TAKEDOWN: 0, Lane.EDITORIAL: 3, Lane.BULK: 6}
#: RabbitMQ serves the highest first, none above what the queue declares; a message without one is served last.
AMQP_PRIORITIES = {Lane.TAKEDOWN: 3, Lane.EDITORIAL: 2, Lane.BULK: 1}
#: Of RabbitMQ's kinds the one that serves by priority, also where another is the default.
AMQP_KIND = {"x-queue-type": "classic"}


def tier_queue(tier: str) -> str:
    """Name of the queue that carries the deliveries of a tier."""
    return f"invalidation.deliver.{tier}"


def queues() -> list[Queue]:
    """Every queue; a worker started without `-Q` consumes them all. What only RabbitMQ understands others pass by."""
    names = [EVENTS, *map(tier_queue, conf.settings().tiers)]
    highest = max(AMQP_PRIORITIES.values())
    return [Queue(name, EXCHANGE, routing_key=name, queue_arguments=AMQP_KIND, max_priority=highest) for name in names]


def speaks_amqp(connection: Connection) -> bool:
    """Is its broker RabbitMQ, or one like it? No broker is asked."""
    return bool(connection.get_transport_cls().driver_type == "amqp")


def priorities(connection: Connection) -> Mapping[Lane, int]:
    """Of each lane, as the broker of this connection counts them."""
    return AMQP_PRIORITIES if speaks_amqp(connection) else PRIORITIES

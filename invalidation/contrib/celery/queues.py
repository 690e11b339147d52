"""Queues on Redis: one for events, one per tier, so that a slow CDN never delays Redis."""

from __future__ import annotations

from kombu import Exchange, Queue

from invalidation import conf
from invalidation.targets.values import Lane

EXCHANGE = Exchange("invalidation", type="direct")
EVENTS = "invalidation.events"
#: Redis' broker keeps a list per priority and serves 0 first, so that a takedown overtakes what already waits.
PRIORITIES = {Lane.TAKEDOWN: 0, Lane.EDITORIAL: 3, Lane.BULK: 6}


def tier_queue(tier: str) -> str:
    """Name of the queue that carries the deliveries of a tier."""
    return f"invalidation.deliver.{tier}"


def queues() -> list[Queue]:
    """Every queue; a worker started without `-Q` consumes them all."""
    names = [EVENTS, *map(tier_queue, conf.settings().tiers)]
    return [Queue(name, EXCHANGE, routing_key=name) for name in names]

"""Queues on Redis: one for events, one per tier, so that a slow CDN never delays Redis."""

from __future__ import annotations

from kombu import Exchange, Queue

from invalidation import conf

EXCHANGE = Exchange("invalidation", type="direct")
EVENTS = "invalidation.events"


def tier_queue(tier: str) -> str:
    """Name of the queue that carries the deliveries of a tier."""
    return f"invalidation.deliver.{tier}"


def queues() -> list[Queue]:
    """Every queue; a worker started without `-Q` consumes them all."""
    names = [EVENTS, *map(tier_queue, conf.settings().tiers)]
    return [Queue(name, EXCHANGE, routing_key=name) for name in names]

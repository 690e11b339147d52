"""Repeats: when an inner tier is purged late, the tiers outside it may have filled from its stale copies meanwhile."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from invalidation import conf
from invalidation.conf import graph
from invalidation.models import Delivery, DeliveryStatus, Pass
from invalidation.pipeline import completion
from invalidation.rows import deliveries
from invalidation.rows.states import DEAD_LETTERS
from invalidation.targets.values import CachePlace


def outside(delivery: Delivery, *, resumed: bool = False) -> list[Delivery]:
    """Store a repeat for each node further out that was purged too early; call it in the success' own transaction.

    Also for itself, if the purge was `resumed`: its first calls may have come too early.
    """
    outer = graph.outer(conf.settings().tiers, delivery.tier)
    again = resumed and delivery.delivery_pass != Pass.REPEAT and completion.holds_responses(delivery.tier)
    if again and conf.settings().freshness.transfer_seconds and not completion.is_metered(delivery.tier, delivery.node):
        outer |= {delivery.tier}
    if not outer:
        return []
    return deliveries.repeat(delivery.batch, too_early(deliveries.of_passes(delivery, outer)))


def too_early(rows: Iterable[Delivery]) -> list[CachePlace]:
    """Tier and node of those that purged something already, with nothing still to come that purges all of it again.

    Pure. A dead letter is left to the person who replays it.
    """
    by_node: defaultdict[CachePlace, list[Delivery]] = defaultdict(list)
    for row in rows:
        by_node[row.place].append(row)
    return [
        place
        for place, deliveries in by_node.items()
        if any(map(_began, deliveries)) and not any(map(_to_come, deliveries))
    ]


def _to_come(delivery: Delivery) -> bool:
    """Will this delivery still make every one of its calls?"""
    waits = (DeliveryStatus.PENDING, DeliveryStatus.FAILED, DeliveryStatus.DEFERRED)
    return delivery.status in waits and delivery.calls == 0  # a replay starts counting anew


def _began(delivery: Delivery) -> bool:
    """May this delivery have removed copies that came back since?"""
    if delivery.status in DEAD_LETTERS:
        return False
    return delivery.calls > 0 or delivery.status in (DeliveryStatus.RUNNING, DeliveryStatus.ACCEPTED)

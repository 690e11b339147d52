"""Says when a batch is over: every delivery is final, and every cache was purged late enough. Pure.

A purge can't remove what is still on its way to a cache: an answer that the cache inside it, or the application, gave
just before it was purged or stamped. So the last purge of a cache counts only if it began when that had arrived.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from invalidation import conf
from invalidation.conf import graph
from invalidation.models import BatchStatus, Delivery, DeliveryStatus
from invalidation.pipeline.outcome import batch_status
from invalidation.providers.registry import provider, provider_class
from invalidation.rows.states import DEAD_LETTERS, FINAL
from invalidation.targets.values import CachePlace

#: On a busy machine an answer takes longer to arrive: one was under way from the application to Varnish for 0.54 s
#: while purges took 0.08 s (load 24 on two processors).
TIMES_SLOWEST_PURGE = 10
#: A purge that took longer had many calls or hung, which tells nothing of its neighbours.
LONGEST_SECONDS = 2.0


def status(rows: Sequence[Delivery]) -> BatchStatus:
    """The status of a batch that has these deliveries."""
    standing = batch_status(DeliveryStatus(row.status) for row in rows)
    return BatchStatus.RUNNING if standing != BatchStatus.RUNNING and early(rows) else standing


def transfer_seconds(rows: Iterable[Delivery]) -> float:
    """For how long what left a cache just before these purges may be on its way; 0: nobody wants to know."""
    declared = conf.settings().freshness.transfer_seconds
    slowest = max((row.milliseconds or 0.0 for row in rows), default=0.0) / 1000
    return declared and max(declared, min(TIMES_SLOWEST_PURGE * slowest, LONGEST_SECONDS))


def holds_responses(tier: str) -> bool:
    """Does it keep pages? A tier that is no longer declared keeps none."""
    tiers = conf.settings().tiers
    return tier in tiers and provider_class(tiers[tier].provider).holds_responses


def counts_from(rows: Sequence[Delivery], tier: str) -> datetime | None:
    """The instant from which on a purge of this tier is its last; None while nothing was purged.

    With nothing purged inside it there is the batch's stamp, which came before the first attempt ended.
    """
    inside = graph.inner(conf.settings().tiers, tier)
    before = [row for row in rows if row.tier in inside and row.status == DeliveryStatus.PURGED]
    ends = [row.completed_at for row in before if row.completed_at]
    first = min((row.attempted_at for row in rows if row.tier == tier and row.attempted_at), default=None)
    latest = max(ends, default=first)
    return latest and latest + timedelta(seconds=transfer_seconds(before or rows))


def early(rows: Sequence[Delivery]) -> list[CachePlace]:
    """Nodes whose last purge began too early, and those outside them; inner ones first.

    What has a purge still to come has none too early, nor has a vendor whose calls count: it waited before its only
    one. A dead letter is left to whoever replays it.
    """
    tiers, places = conf.settings().tiers, dict[CachePlace, None]()
    if not conf.settings().freshness.transfer_seconds:
        return []
    by_tier = _begun(rows)
    for tier in graph.order(tiers):
        again = graph.inner(tiers, tier) & {inner for inner, _ in places}
        counts_at = counts_from(rows, tier) if tier in by_tier else None
        for node, begun_at in by_tier.get(tier, {}).items():
            if again or (counts_at and begun_at < counts_at):
                places[CachePlace(tier, node)] = None
    return list(places)


def _begun(rows: Iterable[Delivery]) -> dict[str, dict[str, datetime]]:
    """When the last purge of each node that keeps pages began, by tier, where nothing more is to come."""
    by_place: defaultdict[CachePlace, list[Delivery]] = defaultdict(list)
    for row in rows:
        by_place[row.place].append(row)
    latest: defaultdict[str, dict[str, datetime]] = defaultdict(dict)
    for (tier, node), own in by_place.items():
        begun = [row.started_at for row in own if row.started_at]
        open_or_dead = any(row.status not in FINAL or row.status in DEAD_LETTERS for row in own)
        if begun and not open_or_dead and holds_responses(tier) and not is_metered(tier, node):
            latest[tier][node] = max(begun)
    return latest


def is_metered(tier: str, node: str) -> bool:
    """Do the tier's calls cost money or quota? Then it is asked once, when nothing is on its way to it any more."""
    if tier not in conf.settings().tiers:
        return False
    product = provider(tier, node)
    return product.costs_money or bool(product.rates())


def held_back(rows: Sequence[Delivery], tier: str) -> bool:
    """Is a purge inside it still to come, or to be made again? Such a metered tier waits for it."""
    inside = graph.inner(conf.settings().tiers, tier)
    to_come = {row.tier for row in rows if row.attempted_at is None} | {inner for inner, _ in early(rows)}
    return bool(inside & to_come)

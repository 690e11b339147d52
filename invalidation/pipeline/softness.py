"""Says where the old copy may be shown once more while a new one is fetched, and where not."""

from __future__ import annotations

from invalidation import conf
from invalidation.conf import graph
from invalidation.models import Batch
from invalidation.providers.base import Provider
from invalidation.providers.registry import provider, provider_class
from invalidation.targets.manner import Mode
from invalidation.targets.values import CachePlace, Lane


def is_soft(batch: Batch, tier: str) -> bool:
    """Is this tier purged softly for the batch?

    Where its option SOFT says so, but for a takedown; and where the batch's mode asks for it, as long as nothing fills
    from the tier: a cache outside would keep the old copy for its whole life.
    """
    tiers = conf.settings().tiers
    if tier not in tiers or not provider_class(tiers[tier].provider).supports_soft or batch.lane == Lane.TAKEDOWN:
        return False
    asked = batch.mode == Mode.INVALIDATE and not graph.outer(tiers, tier)
    return asked or bool(tiers[tier].options.get("SOFT"))


def product(batch: Batch, place: CachePlace, *, soft: bool | None = None) -> Provider:
    """Who purges this node for the batch; `soft` where that is known already.

    Raises:
        KeyError: its tier is no longer declared.
    """
    options = conf.settings().tiers[place.tier].options
    wanted = is_soft(batch, place.tier) if soft is None else soft
    return provider(*place) if wanted == bool(options.get("SOFT")) else provider(*place, soft=wanted)

"""The tier nodes that can be asked for pages."""

from __future__ import annotations

from invalidation import conf
from invalidation.pipeline import graph
from invalidation.providers.base import Provider
from invalidation.providers.registry import provider


def nodes() -> list[Provider]:
    """Innermost first, so that each fills from one that is warm."""
    tiers = conf.settings().tiers
    found = (provider(name, node) for name in graph.order(tiers) for node in tiers[name].nodes)
    return [one for one in found if one.supports_fetch]

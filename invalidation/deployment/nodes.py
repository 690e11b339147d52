"""The tier nodes that can be asked for pages."""

from __future__ import annotations

from collections.abc import Iterable

from invalidation import conf
from invalidation.conf import graph
from invalidation.providers.base import Provider
from invalidation.providers.registry import provider
from invalidation.targets import sites


def nodes() -> list[Provider]:
    """Innermost first, so that each fills from one that is warm."""
    tiers = conf.settings().tiers
    providers = (provider(name, node) for name in graph.order(tiers) for node in tiers[name].nodes)
    return [one for one in providers if one.supports_fetch]


def served(node: Provider, urls: Iterable[str]) -> list[str]:
    """Those of the absolute URLs that are on a site of the node's tier: no other host is ever asked of it."""
    own = conf.settings().sites_of(node.tier)
    return [url for url in urls if sites.origin(url) in own]

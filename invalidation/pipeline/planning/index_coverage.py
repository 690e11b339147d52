"""Knows which nodes may hold pages that the tag index has lost, and so are emptied before it is believed.

A node that was emptied fills from inner caches; what one of those kept from before the loss would come without the
application, hence unknown to the index. So the inner ones are emptied first, and a node counts only after them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from invalidation import conf, lazy
from invalidation.conf import graph
from invalidation.exceptions import TransientError
from invalidation.freshness import index
from invalidation.freshness.clients import UNAVAILABLE, ask, patient_client
from invalidation.pipeline.planning.plan import Step, unresolved
from invalidation.pipeline.planning.widen import widen
from invalidation.providers.base import Provider
from invalidation.providers.registry import provider
from invalidation.targets.values import CachePlace, Targets

logger = lazy.Logger(__name__)

DECISION = "the tag index is new, or its Redis was started anew, and may not know every page: emptied once"


def must_be_emptied(targets: Targets, product: Provider, node: str, widening: str) -> bool:
    """Must this node be emptied before a purge of these targets can rely on the tag index?

    Raises:
        TransientError: the purge asks the index, and its Redis is away.
    """
    if not product.supports_everything:
        return False
    if asks(targets, product, widening):
        return not _known(product.tier, node)
    if product.holds_responses and any(asks(targets, outer, widening) for outer in _emptied_after(product.tier)):
        return not ask(lambda server: index.knows_all_of(server, [str(CachePlace(product.tier, node))]), otherwise=True)
    return False


def asks(targets: Targets, product: Provider, widening: str) -> bool:
    """Must the tag index name URLs, because this product can't do all by itself?"""
    return bool(unresolved(widen(targets, product, widening)[0], product))


def _known(tier: str, node: str) -> bool:
    server = patient_client()
    try:
        return server is None or index.knows_all_of(server, [str(CachePlace(tier, node)), *_inner(tier)])
    except UNAVAILABLE as error:
        raise TransientError("The tag index can't be read: its Redis is away.", reply=repr(error)) from error


def _emptied_after(tier: str) -> Iterator[Provider]:
    """What fills from this tier, as far as it can be emptied."""
    tiers = conf.settings().tiers
    outer = (provider(name, tiers[name].nodes[0]) for name in graph.outer(tiers, tier))
    return (product for product in outer if product.supports_everything)


def _inner(tier: str) -> list[str]:
    """Nodes that it fills from, as far as they hold responses and can be emptied."""
    tiers = conf.settings().tiers
    products = [provider(name, node) for name in graph.inner(tiers, tier) for node in tiers[name].nodes]
    return [str(CachePlace(one.tier, one.node)) for one in products if one.holds_responses and one.supports_everything]


@contextmanager
def noted(step: Step, tier: str, node: str) -> Iterator[None]:
    """Around a call: one that empties the node is remembered under the name that the index had before it."""
    server = patient_client() if step.verb == "purge_everything" else None
    named = ""
    try:
        named = index.name(server) if server else ""
    except UNAVAILABLE as error:
        logger.warning("index_unknown", tier=tier, error=repr(error))
    yield
    try:
        if server and named and index.emptied_under(server, _inner(tier), named):
            index.note_emptied(server, str(CachePlace(tier, node)), named)
    except UNAVAILABLE as error:
        logger.warning("index_unknown", tier=tier, error=repr(error))

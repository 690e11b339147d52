"""The plan of one batch for one tier: asks the tag index where the product can't purge by tag, then plans."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from math import inf

from invalidation import conf
from invalidation.exceptions import TransientError
from invalidation.freshness import index
from invalidation.freshness.clients import UNAVAILABLE, ask, patient_client
from invalidation.models import Batch, Widening
from invalidation.pipeline.planning import index_coverage
from invalidation.pipeline.planning.escalate import cheaper, escalate, with_urls
from invalidation.pipeline.planning.plan import Limits, Plan, Resolution, plan, unresolved
from invalidation.pipeline.planning.widen import widen
from invalidation.providers.base import Provider
from invalidation.providers.registry import provider
from invalidation.targets import sites
from invalidation.targets.values import Targets


def planned(batch: Batch, tier: str, node: str) -> Plan:
    """Plan what `batch` means for a node of `tier`, as things stand now.

    Raises:
        DeliveryError: the tag index is needed and its Redis is away, or the product must be asked what it can do.
    """
    exact = plan_targets(batch.merged, tier, batch.widening)
    return at_node(exact, batch.merged, tier, node, batch.widening)


def plan_targets(targets: Targets, tier: str, widening: str = Widening.NONE) -> Plan:
    """The same for targets that are not a batch yet, by what the tag index says."""
    settings = conf.settings()
    product, served = _product(tier), settings.sites_of(tier)
    wider, decisions = widen(targets, product, widening)
    resolved = resolution(unresolved(wider, product), served)
    exact = plan(wider, product, served, resolved)
    if settings.limits.plan_cheaper_calls and exact.requests > settings.limits.plan_cheaper_calls:
        exact = _cheaper(exact, wider, resolved, product, served)
    limits = Limits(settings.limits.plan_calls_limit or inf, settings.limits.plan_price_limit_usd or inf)
    if not limits.allow(exact):
        exact = escalate(exact, with_urls(wider, resolved, product), product, served, limits=limits)
    return replace(exact, decisions=(*decisions, *exact.decisions))


def at_node(exact: Plan, targets: Targets, tier: str, node: str, widening: str = Widening.NONE) -> Plan:
    """That plan, unless this node may hold pages that the tag index has lost, and so must be emptied.

    To be asked after the plan was made: an index that is lost while it names URLs would have named none.
    """
    product = _product(tier)
    if not index_coverage.must_be_emptied(targets, product, node, widening):
        return exact
    emptying = plan(Targets(everything=True), product, conf.settings().sites_of(tier), Resolution())
    return replace(emptying, decisions=(index_coverage.DECISION,))


def _cheaper(exact: Plan, targets: Targets, resolved: Resolution, product: Provider, served: Sequence[str]) -> Plan:
    wanted, calls = with_urls(targets, resolved, product), conf.settings().limits.plan_cheaper_calls
    return cheaper(exact, wanted, product, served, calls=calls, known=_known)


def _known(prefixes: Collection[str]) -> float:
    """Pages that start with any of these, counting one below two of them twice; any number while nobody knows."""
    return ask(lambda server: float(sum(index.counts(server, tags=(), prefixes=prefixes)[0])), inf)


def _product(tier: str) -> Provider:
    """All nodes of a tier share their options, hence their abilities."""
    product = provider(tier, conf.settings().tiers[tier].nodes[0])
    product.learn()
    return product


def resolution(wanted: Targets, served: Sequence[str]) -> Resolution:
    """URLs that the tag index knows for what a product can't do by itself.

    Only those on the sites that are `served`: no other host is ever sent a purge. A tag with more URLs than the index
    keeps is widened to all URLs: better a miss too many than a stale copy.
    """
    if not wanted:
        return Resolution()
    server = patient_client()
    if server is None:
        return Resolution(
            decisions=("without INVALIDATION['REDIS_URL'] no index names URLs: only those given are purged",)
        )
    prefixes = sites.expand_known(wanted.prefixes, served)
    try:
        tagged, overflowing = index.urls_of(server, wanted.tags)
        below = index.urls_below(server, [""] if wanted.everything or overflowing else prefixes)
    except UNAVAILABLE as error:
        raise TransientError("The tag index can't be read: its Redis is away.", reply=repr(error)) from error
    return Resolution(_on_sites(tagged | below, served), tuple(_widened(overflowing, len(below))))


def _on_sites(urls: set[str], served: Sequence[str]) -> frozenset[str]:
    return frozenset(url for url in urls if sites.origin(url) in served)


def _widened(overflowing: Sequence[str], urls: int) -> Iterator[str]:
    if overflowing:
        tags = f"{len(overflowing)} tags" if len(overflowing) > 1 else overflowing[0]
        yield f"{tags} on more pages than the tag index keeps for one tag: widened to all {urls} known URLs"

"""Escalation: a plan above its limits goes from URLs to prefixes, to everything, and says so. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from invalidation.models import Widening
from invalidation.pipeline.planning.plan import Limits, Plan, Product, Resolution, plan
from invalidation.pipeline.planning.widen import widen
from invalidation.targets.sites import expand_known
from invalidation.targets.values import Targets


def with_urls(targets: Targets, resolution: Resolution, provider: Product) -> Targets:
    """`targets` in kinds that the product can purge by itself: what it can't is replaced by the URLs that are known.

    `resolution` answers `plan.unresolved(targets, provider)`.
    """
    return Targets(
        tags=targets.tags if provider.supports_tags or not provider.holds_responses else frozenset(),
        urls=targets.urls | resolution.urls,
        prefixes=targets.prefixes if provider.supports_prefixes else frozenset(),
        keys=targets.keys,
        everything=targets.everything and provider.supports_everything,
    )


def escalate(
    exact: Plan,
    targets: Targets,
    provider: Product,
    sites: Sequence[str],
    *,
    limits: Limits,
) -> Plan:
    """The narrowest plan within the limits; where there is none, the one that is least above them.

    `targets` are those of the plan `exact`, as `with_urls` gives them.
    """
    why = _why(exact, limits)
    best = exact
    for level in (Widening.PREFIXES, Widening.EVERYTHING):
        wider, decisions = widen(targets, provider, level, why=why)
        candidate = plan(wider, provider, sites, Resolution())
        if decisions and _size(candidate, limits) < _size(best, limits):
            best = replace(candidate, decisions=(*exact.decisions, *decisions))
        if limits.allow(best):
            return best
    return replace(best, decisions=(*best.decisions, f"{why}, and {_amount(best)} is the least that this product can"))


def cheaper(
    exact: Plan,
    targets: Targets,
    provider: Product,
    sites: Sequence[str],
    *,
    calls: int,
    known: Callable[[Collection[str]], float],
) -> Plan:
    """A plan of fewer calls than `exact`, which makes more than `calls`, if half of what it removes was named anyway.

    `targets` are as for `escalate`; `known` counts the pages that start with any of the prefixes.
    """
    why = f"{exact.requests} calls are above {calls}"
    for level in (Widening.PREFIXES, Widening.EVERYTHING):
        wider, decisions = widen(targets, provider, level, why=why)
        candidate = plan(wider, provider, sites, Resolution())
        if decisions and candidate.requests < exact.requests and _is_mostly_meant(targets, wider, sites, known):
            exact = replace(candidate, decisions=(*exact.decisions, *decisions))
        if exact.requests <= calls:
            break
    return exact


def _is_mostly_meant(
    targets: Targets, wider: Targets, sites: Sequence[str], known: Callable[[Collection[str]], float]
) -> bool:
    """Were half of the pages named that the wider prefixes remove?"""
    added = wider.prefixes - targets.prefixes
    starts = [""] if wider.everything else expand_known(added, sites)
    named = len(targets.urls - wider.urls)
    return not starts or named >= known(starts) / 2


def _size(plan: Plan, limits: Limits) -> tuple[float, int]:
    """How near to the limits, or how far above; then the number of requests."""
    return max(plan.requests / limits.calls, plan.price_usd / limits.price_usd), plan.requests


def _why(plan: Plan, limits: Limits) -> str:
    if plan.requests > limits.calls:
        return f"{plan.requests} calls are above the limit of {limits.calls:g}"
    return f"${plan.price_usd:.2f} is above the limit of ${limits.price_usd:.2f}"


def _amount(plan: Plan) -> str:
    return f"{plan.requests} calls for ${plan.price_usd:.2f}" if plan.price_usd else f"{plan.requests} calls"

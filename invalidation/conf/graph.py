"""The tier graph: which caches fill from which, hence the order of purging. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

from django.core.exceptions import ImproperlyConfigured

from invalidation.conf.schema import Tier


def order(tiers: Mapping[str, Tier]) -> tuple[str, ...]:
    """Names of the tiers, innermost first.

    Raises:
        ImproperlyConfigured: a tier fills from one that isn't declared, or tiers fill from each other.
    """
    for tier in tiers.values():
        if unknown := set(tier.fills_from) - set(tiers):
            raise ImproperlyConfigured(
                f"Tier {tier.name!r} fills from {sorted(unknown)}; declare it or correct the name."
            )
    try:
        return tuple(TopologicalSorter({name: tier.fills_from for name, tier in tiers.items()}).static_order())
    except CycleError as error:
        circle = " → ".join(error.args[1])
        raise ImproperlyConfigured(
            f"Tiers fill from each other: {circle}; remove one FILLS_FROM: an inner cache never fills from an outer."
        ) from error


def inner(tiers: Mapping[str, Tier], name: str) -> frozenset[str]:
    """Every tier that `name` fills from, directly or through others."""
    reached: set[str] = set()
    waiting = list(tiers[name].fills_from) if name in tiers else []
    while waiting:
        tier = waiting.pop()
        if tier not in reached:
            reached.add(tier)
            waiting.extend(tiers[tier].fills_from)
    return frozenset(reached)


def outer(tiers: Mapping[str, Tier], name: str) -> frozenset[str]:
    """Every tier that fills from `name`, directly or through others."""
    return frozenset(other for other in tiers if name in inner(tiers, other))


def unblocked(tiers: Mapping[str, Tier], waiting: Iterable[str], unattempted: Iterable[str]) -> frozenset[str]:
    """Of the `waiting` tiers those whose inner tiers hold no `unattempted` delivery any more."""
    held = set(unattempted)
    return frozenset(name for name in waiting if not inner(tiers, name) & held)

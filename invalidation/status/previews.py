"""What a purge would do: for the admin's confirmation and `purge --dry-run`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial

from invalidation import conf
from invalidation.conf import graph
from invalidation.exceptions import DeliveryError
from invalidation.pipeline.intake.claim import batched
from invalidation.pipeline.planning.plan import Plan, Step, concerns
from invalidation.pipeline.planning.resolve import at_node, plan_targets
from invalidation.providers.registry import provider_class
from invalidation.targets.values import Targets


@dataclass(frozen=True, slots=True)
class PlannedTier:
    """The calls that one node would receive."""

    tier: str
    node: str
    steps: tuple[Step, ...]
    decisions: tuple[str, ...]
    price_usd: float
    """Most that they cost."""

    requests: int
    """That they make."""


def preview(targets: Targets, tiers: Collection[str] | None = None) -> list[PlannedTier]:
    """Plan without recording anything, innermost tiers first; `tiers` None means all."""
    merged, rows = batched([targets]), list[PlannedTier]()
    for name, exact in plans(merged, tiers):
        for node in conf.settings().tiers[name].nodes:
            plan = _attempted(partial(at_node, exact, merged, name, node))
            rows.append(PlannedTier(name, node, plan.steps, plan.decisions, plan.price_usd, plan.requests))
    return rows


def plans(merged: Targets, tiers: Collection[str] | None = None) -> Iterator[tuple[str, Plan]]:
    """Each tier that these targets concern, and the plan for its nodes, but for what a lost tag index owes to them."""
    declared = conf.settings().tiers
    for name in graph.order(declared):
        if (not tiers or name in tiers) and concerns(merged, provider_class(declared[name].provider)):
            yield name, _attempted(partial(plan_targets, merged, name))


def _attempted(planning: Callable[[], Plan]) -> Plan:
    """The plan, or why there can't be one now; a worker would try again."""
    try:
        return planning()
    except DeliveryError as error:
        return Plan(decisions=(f"can't be planned now: {error}",))

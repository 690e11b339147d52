"""What a purge would do: for the admin's confirmation and `purge --dry-run`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from invalidation import conf
from invalidation.conf import graph
from invalidation.exceptions import DeliveryError
from invalidation.pipeline.intake.claim import batched
from invalidation.pipeline.planning.plan import Plan, Step, concerns
from invalidation.pipeline.planning.resolve import plan_targets
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
    declared = conf.settings().tiers
    merged = batched([targets])
    rows: list[PlannedTier] = []
    for name in graph.order(declared):
        if (tiers and name not in tiers) or not concerns(merged, provider_class(declared[name].provider)):
            continue
        plan = _planned(merged, name)
        planned = (plan.steps, plan.decisions, plan.price_usd, plan.requests)
        rows += [PlannedTier(name, node, *planned) for node in declared[name].nodes]
    return rows


def _planned(targets: Targets, tier: str) -> Plan:
    """The plan, or why there can't be one now; a worker would try again."""
    try:
        return plan_targets(targets, tier)
    except DeliveryError as error:
        return Plan(decisions=(f"can't be planned now: {error}",))

"""Asks the rules: which targets the states of given rows make stale."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import structlog
from django.db.models import Model, prefetch_related_objects

from invalidation.emission import registry, state
from invalidation.emission.columns import attribute_names
from invalidation.emission.rules import Rules
from invalidation.values import Targets, most_urgent, union

logger = structlog.get_logger(__name__)


def lane_of(rules: Iterable[Rules]) -> str:
    """The most urgent of their lanes."""
    return most_urgent((one.lane for one in rules), Rules.lane)


def targets_of(rules: Rules, instance: Model) -> Targets:
    """What this state makes stale.

    Rules that raise don't make the write fail: the error is logged, and the default tags stand in.
    """
    try:
        return rules.targets(instance)
    except Exception as error:
        logger.exception("invalidation_rules_failed", model=rules.model._meta.label, pk=instance.pk, error=repr(error))
        return rules.default_targets(instance)


def row_targets(rows: Sequence[Model], model: type[Model], using: str, *, ignoring: Any = None) -> Targets:
    """What the present state of these rows of `model` makes stale, by every rule that applies.

    The number of queries does not depend on the number of rows: one per relation in `Rules.related`, one for each
    registered multi-table child.
    """
    every = [rules for rules in registry.rules_for(model) if ignoring is None or ignoring not in rules.ignore]
    return union(targets_of(rules, row) for rules in every for row in as_instances(rules, rows, using))


def change_targets(rules: Rules, instance: Model, now: Model, changed: set[str], using: str) -> Targets:
    """What a write makes stale: the row as it is now, and as it was where a tracked field or the visibility changed."""
    rows = as_instances(rules, [now], using)
    after = union(targets_of(rules, row) for row in rows)
    unmoved = rules.track is not None and not changed & attribute_names(type(instance), rules.track)
    if not changed or (after and unmoved):
        return after
    known = state.newest(instance)
    return after | union(targets_of(rules, state.as_it_was(row, known)) for row in rows)


def as_instances(rules: Rules, rows: Sequence[Model], using: str) -> list[Model]:
    """The rows as instances of the model that the rules are for; rows that are none of it are left out."""
    found = [seen for row in rows if (seen := seen_as(rules.model, row)) is not None]
    if len(found) < len(rows):
        found += _children(rules.model, rows, using)
    if rules.related and len(found) > 1:
        prefetch_related_objects(found, *rules.related)
    return found


def seen_as(model: type[Model], row: Model) -> Model | None:
    """The row as an instance of `model`, of which it may be a proxy or a multi-table child; None for a parent row."""
    if isinstance(row, model):
        return row
    concrete, wanted = row._meta.concrete_model, model._meta.concrete_model
    return state.seen_as(model, row) if concrete and wanted and issubclass(concrete, wanted) else None


def _children(model: type[Model], rows: Sequence[Model], using: str) -> list[Model]:
    """Child rows of parent rows: their own columns are not in what was written."""
    return list(model._base_manager.using(using).filter(pk__in=[row.pk for row in rows]))

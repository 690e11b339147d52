"""Join rows that vanish with one of their ends: what stands at the other end showed the row that goes.

Django deletes them without a word. The rows at the other end are asked while the deletion is collected, for the whole
statement at once; what they make stale joins what its rows do.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import CASCADE, ForeignKey, Model, QuerySet

from invalidation.emission import evaluation, registry
from invalidation.targets.values import Manner, Targets

#: Attribute of the object that a deletion began with (an instance or a QuerySet): what it and its cascade make stale.
COLLECTED = "_invalidation_collected"
#: The same for keys of rows at the far ends of explicit joins, by model.
LEFT = "_invalidation_left"


def watch(through: type[Model]) -> None:
    """Ask before rows of this automatic join table vanish; harmless to repeat. It is in no migration's state."""
    for end in ends(through):
        if end.remote_field.on_delete is CASCADE:
            end.remote_field.on_delete = _asking


def ends(through: type[Model]) -> list[ForeignKey[Any, Any]]:
    """The foreign keys of a join model."""
    return [field for field in through._meta.concrete_fields if isinstance(field, ForeignKey)]


def _asking(collector: Any, field: ForeignKey[Any, Any], rows: QuerySet[Any], using: str) -> None:
    """`on_delete` of a join table: as CASCADE. The admin's collector, which deletes nothing, began with a list."""
    if isinstance(collector.origin, Model | QuerySet):
        collected = collector.origin.__dict__.setdefault(COLLECTED, [])
        collected += [_stale(end, rows, using) for end in ends(field.model) if end is not field]
    CASCADE(collector, field, rows, using)


_asking.lazy_sub_objs = True  # type: ignore[attr-defined]  # Django need not look whether there are rows


def _stale(end: ForeignKey[Any, Any], rows: QuerySet[Any], using: str) -> tuple[Targets, Manner]:
    """One query, and none where nobody has registered that end."""
    model: Any = end.related_model
    all_rules = registry.rules_for(model)
    manner = evaluation.manner_of(all_rules)
    if not all_rules:
        return Targets(), manner
    keys = rows.order_by().values(end.attname)
    others = list(model._base_manager.using(using).filter(**{f"{end.target_field.attname}__in": keys}))
    return evaluation.row_targets(others, model, using), manner


def leave(start: Any, through: Iterable[ForeignKey[Any, Any]], row: Model) -> None:
    """An explicit join row goes in a cascade: keep the keys of its ends."""
    left = start.__dict__.setdefault(LEFT, {})
    for end in through:
        if (key := getattr(row, end.attname)) is not None:
            left.setdefault(end, set()).add(key)


def left_targets(start: Any, using: str) -> list[tuple[Targets, Manner]]:
    """What the rows at those ends make stale that still stand: one query for each end."""
    stale = []
    for end, keys in start.__dict__.pop(LEFT, {}).items():
        model: Any = end.related_model
        rows = list(model._base_manager.using(using).filter(**{f"{end.target_field.attname}__in": keys}))
        stale.append((evaluation.row_targets(rows, model, using), evaluation.manner_of(registry.rules_for(model))))
    return stale

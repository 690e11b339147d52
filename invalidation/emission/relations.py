"""Many-to-many relations: a row of a join table makes the rows at both of its ends stale."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import ForeignKey, ManyToManyField, ManyToManyRel, Model

from invalidation.emission import evaluation, registry
from invalidation.emission.emit import emit
from invalidation.emission.rows import wording
from invalidation.emission.rules import Rules
from invalidation.targets.values import Targets, union

#: Attribute of an instance that carries what a removal makes stale from before it to after it.
LEAVING = "_invalidation_leaving"


def throughs(model: type[Model]) -> list[type[Model]]:
    """Join models of the many-to-many relations of `model`, from both sides."""
    forward = [field.remote_field.through for field in model._meta.many_to_many]
    reverse = [side.through for side in model._meta.related_objects if isinstance(side, ManyToManyRel)]
    return [through for through in forward + reverse if through is not None]


class ThroughRules(Rules):
    """A row of an explicit join model makes stale what the registered models at its ends make stale."""

    @property
    def ignore(self) -> Sequence[str]:  # type: ignore[override]  # a constant of the other rules
        """What the rules that somebody registered for the join model ignore: nobody sees that at its ends either."""
        said = registry.registered().get(self.model, self)
        return () if said is self else said.ignore

    def ends(self) -> list[ForeignKey[Any, Any]]:
        """Its foreign keys to registered models."""
        fields = self.model._meta.concrete_fields
        return [end for end in fields if isinstance(end, ForeignKey) and registry.rules_for(end.related_model)]

    def default_targets(self, instance: Model) -> Targets:
        """The default tags of both ends, without looking at them."""
        return union(
            rules.key_targets(key)
            for end in self.ends()
            if (key := getattr(instance, end.attname)) is not None
            for rules in registry.rules_for(end.related_model)
            if _is_of(end.related_model, rules)
        )

    def targets(self, instance: Any) -> Targets:
        """The targets of both ends."""
        related = [getattr(instance, end.name) for end in self.ends()]
        using = instance._state.db
        return union(evaluation.row_targets([end], type(end), using) for end in related if end is not None)


@dataclass(frozen=True, slots=True)
class Side:
    """One end of a relation, as seen from the instance whose manager was used."""

    field: ManyToManyField[Any, Any]
    own: str
    """Column of the join table that holds the instance's end."""
    other: str
    """Column that holds the other end."""
    own_attribute: str
    other_attribute: str
    """Attributes that the columns refer to: the primary key, or what `to_field` names."""


def _side(instance: Model, model: type[Model], through: type[Model], *, reverse: bool) -> Side | None:
    """None for a relation of a package's own making (django-taggit), whose join rows may refer to any model."""
    holder = model if reverse else type(instance)
    relations: Iterable[Any] = holder._meta.many_to_many
    field = next(known for known in relations if known.remote_field.through is through)
    if not isinstance(field, ManyToManyField):
        return None
    columns = {end.name: end for end in through._meta.concrete_fields if isinstance(end, ForeignKey)}
    source, target = columns[field.m2m_field_name()], columns[field.m2m_reverse_field_name()]
    own, other = (target, source) if reverse else (source, target)
    return Side(field, own.attname, other.attname, own.target_field.attname, other.target_field.attname)


def on_relation_changed(
    sender: type[Model],
    instance: Model,
    action: str,
    *,
    model: type[Model],
    pk_set: set[Any] | None,
    reverse: bool,
    using: str,
    raw: bool = False,
    **_: Any,
) -> None:
    """Both ends of the join rows are stale, as they were before and as they are after; no rows, no event.

    Of fixtures (`raw`) the default tags are emitted: what is at the other end may not be there yet.
    """
    side = _side(instance, model, sender, reverse=reverse)
    when, _separator, what = action.partition("_")
    keys: Collection[Any] = pk_set or ()
    if side is None:
        if when == "post" and (keys or what == "clear"):
            _emit_one(instance, using)
        return
    ends = _default_ends if raw else _both_ends
    if when == "pre":
        instance.__dict__.pop(LEAVING, None)
        if what != "add":
            keys = _joined(instance, sender, side, using, pk_set)
            instance.__dict__[LEAVING] = keys, ends(instance, model, side, keys, using)
        return
    leaving, known = instance.__dict__.pop(LEAVING, (keys, Targets()))
    if leaving:
        targets = known | ends(instance, model, side, leaving, using)
        all_rules = [*registry.rules_for(type(instance)), *registry.rules_for(model)]
        because = wording.joined(instance, side.field.name)
        emit(targets, using=using, manner=evaluation.manner_of(all_rules), because=because)


def _emit_one(instance: Model, using: str) -> None:
    model = type(instance)
    manner = evaluation.manner_of(registry.rules_for(model))
    emit(evaluation.row_targets([instance], model, using), using=using, manner=manner)


def _joined(instance: Model, through: type[Model], side: Side, using: str, keys: Iterable[Any] | None) -> list[Any]:
    """Which of `keys` (None: of all) are joined to the instance; Django names them unchecked, or not at all."""
    rows = through._base_manager.using(using).filter(**{side.own: getattr(instance, side.own_attribute)})
    if keys is not None:
        rows = rows.filter(**{f"{side.other}__in": list(keys)})
    return list(rows.values_list(side.other, flat=True))


def _both_ends(instance: Model, model: type[Model], side: Side, keys: Iterable[Any], using: str) -> Targets:
    """Targets of the instance and of the rows at the other end; one query, none where that model isn't registered."""
    if not keys:
        return Targets()
    own = evaluation.row_targets([instance], type(instance), using, ignoring=side.field.name)
    if not registry.rules_for(model):
        return own
    others = model._base_manager.using(using).filter(**{f"{side.other_attribute}__in": list(keys)})
    return own | evaluation.row_targets(list(others), model, using, ignoring=side.field.name)


def _default_ends(instance: Model, model: type[Model], side: Side, keys: Iterable[Any], using: str) -> Targets:
    """The default tags of both ends; no query."""
    own = evaluation.default_targets(registry.rules_for(type(instance)), instance, using)
    others = (rules.key_targets(key) for key in keys for rules in registry.rules_for(model) if _is_of(model, rules))
    return own | union(others)


def _is_of(model: type[Model], rules: Rules) -> bool:
    """Is the key of a row of `model` one that the rules know?"""
    return issubclass(model, rules.model._meta.concrete_model or rules.model)

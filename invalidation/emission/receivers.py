"""Signal receivers: every write of a registered model becomes targets, old state and new."""

from __future__ import annotations

from typing import Any

from django.db.models import ForeignKey, ManyToManyRel, Model
from django.db.models.signals import m2m_changed, post_delete, post_init, post_save, pre_delete

from invalidation.emission import registry, state
from invalidation.emission.emit import emit
from invalidation.emission.rules import Rules
from invalidation.values import Targets, union

#: Attribute of an instance that carries what it made stale before a deletion or a relation change.
DOOMED = "_invalidation_doomed"


def connect(model: type[Model]) -> None:
    """Listen to everything that can change a row of `model`; harmless to repeat."""
    for relative in registry.relatives(model):
        uid = f"invalidation.{relative._meta.label}"
        post_init.connect(on_init, sender=relative, dispatch_uid=uid)
        post_save.connect(on_save, sender=relative, dispatch_uid=uid)
        pre_delete.connect(before_delete, sender=relative, dispatch_uid=uid)
        post_delete.connect(on_delete, sender=relative, dispatch_uid=uid)
    for through in _throughs(model):
        m2m_changed.connect(on_relation_changed, sender=through, dispatch_uid=f"invalidation.{through._meta.label}")
        if not through._meta.auto_created and through not in registry.registered():
            registry.register(through, rules=ThroughRules)


def connect_all() -> None:
    """Connect every registered model; called once all models are loaded."""
    for model in registry.registered():
        connect(model)


def _throughs(model: type[Model]) -> list[type[Model]]:
    """Join models of the many-to-many relations of `model`, from both sides."""
    forward = [field.remote_field.through for field in model._meta.many_to_many]
    reverse = [side.through for side in model._meta.related_objects if isinstance(side, ManyToManyRel)]
    return [through for through in forward + reverse if through is not None]


class ThroughRules(Rules):
    """A row of an explicit join model makes stale what the registered models at its ends make stale."""

    def targets(self, instance: Any) -> Targets:
        """The targets of both ends."""
        ends = (field for field in instance._meta.concrete_fields if isinstance(field, ForeignKey))
        related = (getattr(instance, end.name) for end in ends if registry.rules_for(end.related_model))
        return union(targets_of(end) for end in related if end is not None)


def targets_of(instance: Model) -> Targets:
    """What the present state of the instance makes stale, by every rule that applies."""
    return union(rules.targets(_as(rules.model, instance)) for rules in registry.rules_for(type(instance)))


def _as(model: type[Model], instance: Model) -> Model:
    """The instance itself, or a stand-in of the child `model` where a parent row was written.

    The child's own columns are not loaded then: only what is known of the parent's row takes part.
    """
    concrete = model._meta.concrete_model
    if concrete is None or isinstance(instance, concrete):
        return instance
    return model._base_manager.using(instance._state.db).filter(pk=instance.pk).first() or model(pk=None)


def on_init(instance: Model, **_: Any) -> None:
    """Remember what was loaded."""
    state.remember(instance)


def on_save(
    sender: type[Model],
    instance: Model,
    *,
    created: bool,
    raw: bool,
    using: str,
    update_fields: frozenset[str] | None,
    **_: Any,
) -> None:
    """A row was inserted or updated. Fixtures (`raw`) emit the default tags: their relations may not exist yet."""
    for rules in registry.rules_for(sender):
        if raw:
            emit(rules.default_targets(instance), using=using, lane=rules.lane)
        elif created or not _only_ignored(rules, instance, update_fields):
            emit(_written(rules, instance, created), using=using, lane=rules.lane)
    state.advance(instance, using)


def _only_ignored(rules: Rules, instance: Model, update_fields: frozenset[str] | None) -> bool:
    """Did this write touch nothing but fields that no cached copy shows?"""
    if not rules.ignore:
        return False
    ignored = attribute_names(instance, rules.ignore)
    if update_fields is not None:
        return attribute_names(instance, update_fields) <= ignored
    changed = state.changed(instance)
    return bool(changed) and changed <= ignored


def attribute_names(instance: Model | type[Model], names: Any) -> set[str]:
    """Column attributes (`category_id`) of the fields named, whichever of the two names was used."""
    wanted = set(names)
    return {field.attname for field in instance._meta.concrete_fields if {field.name, field.attname} & wanted}


def _written(rules: Rules, instance: Model, created: bool) -> Targets:
    """The new state's targets, and those of every old state that differs in a tracked field."""
    present = _as(rules.model, instance)
    if present.pk is None:
        return Targets()
    targets = rules.targets(present)
    if created or (rules.track is not None and not state.changed(instance) & attribute_names(instance, rules.track)):
        return targets
    return targets | union(rules.targets(_as(rules.model, past)) for past in state.previous(instance))


def before_delete(sender: type[Model], instance: Model, **_: Any) -> None:
    """Collect while the relations of the row still stand."""
    doomed = union(_written(rules, instance, created=False) for rules in registry.rules_for(sender))
    instance.__dict__[DOOMED] = doomed


def on_delete(sender: type[Model], instance: Model, using: str, **_: Any) -> None:
    """The row is gone: emit what was collected."""
    emit(instance.__dict__.pop(DOOMED, Targets()), using=using, lane=_lane(sender))


def _lane(model: type[Model]) -> str:
    return next((rules.lane for rules in registry.rules_for(model)), Rules.lane)


def on_relation_changed(
    instance: Model,
    action: str,
    *,
    model: type[Model],
    pk_set: set[Any] | None,
    reverse: bool,
    using: str,
    **kwargs: Any,
) -> None:
    """Rows of a join table: both ends are stale, as they were before and as they are after."""
    when, _, what = action.partition("_")
    if when == "pre" and what != "add":
        others = _related_pks(instance, kwargs["sender"], reverse, using) if what == "clear" else pk_set
        instance.__dict__[DOOMED] = targets_of(instance) | _targets_of_pks(model, others or (), using)
    elif when == "post":
        doomed = instance.__dict__.pop(DOOMED, Targets())
        if what == "add" and not pk_set:
            return
        after = _targets_of_pks(model, pk_set or (), using)
        emit(doomed | targets_of(instance) | after, using=using, lane=_lane(type(instance)))


def _targets_of_pks(model: type[Model], pks: Any, using: str) -> Targets:
    """Targets of the rows at the other end; one query, none where that model isn't registered."""
    if not registry.rules_for(model) or not pks:
        return Targets()
    return union(targets_of(other) for other in model._base_manager.using(using).filter(pk__in=pks))


def _related_pks(instance: Model, through: type[Model], reverse: bool, using: str) -> list[Any]:
    """Primary keys at the other end before a `clear`, which Django doesn't name."""
    ends = [field for field in through._meta.concrete_fields if isinstance(field, ForeignKey)]
    same = [end for end in ends if isinstance(instance, end.related_model)]
    own = same[-1 if reverse and len(same) > 1 else 0]
    other = next(end for end in ends if end is not own)
    rows = through._base_manager.using(using).filter(**{own.attname: instance.pk})
    return list(rows.values_list(other.attname, flat=True))

"""Signal receivers for saves and deletions: the row's old state and its new one become targets."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import Model, QuerySet
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save

from invalidation import lazy
from invalidation.emission import before, evaluation, leaving, registry, relations, uploads
from invalidation.emission.emit import collecting, emit
from invalidation.emission.leaving import COLLECTED
from invalidation.emission.rows import history, loading, wording
from invalidation.emission.rows.columns import attribute_names
from invalidation.emission.rules import Rules
from invalidation.targets.values import Manner, Targets, union

#: Attribute of what a deletion began with (an instance or a QuerySet): keys of rows whose instants go, by rules.
PASSING = "_invalidation_passing"


#: A layer above this one.
_adopt = lazy.call("invalidation.adoption.adopt")
#: Imported by the first row whose instants are followed.
_store_instants = lazy.call("invalidation.emission.instants.follow")
_withdraw = lazy.call("invalidation.emission.instants.withdraw")


def _follow(rows: list[Model], sender: type[Model], using: str, *, old: Model | None = None) -> None:
    """Store the instants to come of models whose rules name some."""
    if registry.timed(sender):
        _store_instants(rows, sender, using, old=old)


def connect(model: type[Model]) -> None:
    """Listen to everything that can change a row of `model`; harmless to repeat."""
    for relative in registry.relatives(model):
        uid = f"invalidation.{relative._meta.label}"
        pre_save.connect(before_save, sender=relative, dispatch_uid=uid)
        post_save.connect(on_save, sender=relative, dispatch_uid=uid)
        pre_delete.connect(before_delete, sender=relative, dispatch_uid=uid)
        post_delete.connect(on_delete, sender=relative, dispatch_uid=uid)
        loading.watch(relative, history.refreshed)
        before.watch(relative)
        _adopt(relative)
        for through in relations.throughs(relative):
            _connect_relation(through)


def _connect_relation(through: type[Model]) -> None:
    uid = f"invalidation.{through._meta.label}"
    m2m_changed.connect(relations.on_relation_changed, sender=through, dispatch_uid=uid)
    if through._meta.auto_created:
        leaving.watch(through)
        for end in leaving.ends(through):  # one that nobody has registered sends no word else
            for relative in registry.relatives(end.related_model):
                post_delete.connect(on_delete, sender=relative, dispatch_uid=f"invalidation.{relative._meta.label}")
    elif not registry.joins(through):
        registry.join(through, relations.ThroughRules(through))
        connect(through)


def connect_all() -> None:
    """Connect every registered model, and those to come; called once all models are loaded."""
    registry.listen_with(connect)


def _written(instance: Model, update_fields: Collection[str] | None) -> frozenset[str] | None:
    """Columns that the save writes; None means all that are loaded."""
    return None if update_fields is None else attribute_names(type(instance), update_fields)


def before_save(instance: Model, *, raw: bool, using: str, update_fields: frozenset[str] | None, **_: Any) -> None:
    """Learn what the row holds, where that isn't known."""
    if not raw:
        uploads.note(instance)
        public = registry.public_columns(type(instance))
        written = _written(instance, update_fields)
        history.before_write(instance, using, public if written is None else public & written)


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
    """A row was inserted or updated."""
    all_rules = registry.rules_for(sender)
    if raw:
        _on_fixture(sender, instance, using)
        return
    written = _written(instance, update_fields)
    moved = any(rules.before for rules in all_rules)
    now = history.present(instance, using, written, registry.public_columns(sender), moved=moved)
    if created:
        targets = evaluation.row_targets([now], sender, using) | evaluation.compared_rows({}, [now], sender, using)
        targets |= uploads.saved_targets(instance, now, created=True)
        emit(targets, using=using, manner=evaluation.manner_of(all_rules), because=wording.added(now))
        _follow([now], sender, using)
        history.remember(instance, now)
        return
    changed = history.changed(instance, now)
    targets = union(
        evaluation.change_targets(rules, instance, now, changed, using)
        for rules in all_rules
        if not _only_ignored(attribute_names(sender, rules.ignore), written, changed)
    )
    targets |= uploads.saved_targets(instance, now, created=False)
    because = wording.changed(registry.tracked_columns(sender), changed, instance, now)
    emit(targets, using=using, manner=evaluation.manner_of(all_rules), because=because)
    if registry.timed(sender):
        _follow([now], sender, using, old=history.as_it_was(now, history.newest(instance)))
    history.advance(instance, using, now)


def _on_fixture(sender: type[Model], instance: Model, using: str) -> None:
    """The default tags alone: a fixture's relations may not exist yet."""
    all_rules = registry.rules_for(sender)
    emit(evaluation.default_targets(all_rules, instance, using), using=using, manner=evaluation.manner_of(all_rules))
    _follow([instance], sender, using)
    history.remember(instance)


def _only_ignored(ignored: frozenset[str], written: frozenset[str] | None, changed: set[str]) -> bool:
    """Did this write touch nothing but columns that no cached copy shows?

    A save that changes nothing is not silent: the caller may mean "touch", and other state may hang on it.
    """
    if written is not None and written <= ignored:
        return True
    return bool(changed) and changed <= ignored


def before_delete(sender: type[Model], instance: Model, using: str, origin: Any = None, **_: Any) -> None:
    """Collect while the row and its relations still stand; Django announces the whole cascade before it deletes."""
    start = instance if origin is None else origin
    begun_with = start.model if isinstance(start, QuerySet) else type(start)
    history.before_write(instance, using, registry.public_columns(sender))
    row = history.present(instance, using, (), registry.public_columns(sender))
    all_rules = registry.rules_for(sender)
    for rules in registry.timed(sender):
        if (seen := evaluation.seen_as(rules.model, row)) is not None:
            start.__dict__.setdefault(PASSING, {}).setdefault(rules, []).append(seen.pk)
    collected: list[tuple[Targets, Manner]] = start.__dict__.setdefault(COLLECTED, [])
    collected += [(uploads.written_targets([row], sender, None), evaluation.manner_of(all_rules))]
    for rules in all_rules:
        if begun_with is not sender and isinstance(rules, relations.ThroughRules):
            leaving.leave(start, rules.ends(), row)
        else:
            collected.append((_deleted_targets(rules, instance, row), rules.manner))


def _deleted_targets(rules: Rules, instance: Model, row: Model) -> Targets:
    """A parent row's children take part for themselves, without a query per row."""
    seen = evaluation.seen_as(rules.model, row)
    if seen is None:
        return Targets()
    compared = evaluation.compared(rules, seen, None) if rules.compares else Targets()
    return evaluation.past_targets(rules, instance, seen) | compared


def on_delete(instance: Model, using: str, origin: Any = None, **_: Any) -> None:
    """The first row is gone: what was collected for the whole deletion becomes one event."""
    start = instance if origin is None else origin
    for rules, keys in start.__dict__.pop(PASSING, {}).items():
        _withdraw(rules, keys, using)
    collected = start.__dict__.pop(COLLECTED, [])
    if collected:
        with collecting(using):
            because = wording.deleted(start)
            for targets, manner in collected + leaving.left_targets(start, using):
                emit(targets, using=using, manner=manner, because=because)

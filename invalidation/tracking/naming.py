"""Which tags stand for a row and for the list of a model: those that every write to it emits, by the rules."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.db.models import AutoField, CharField, Field, IntegerField, Model, UUIDField

from invalidation.emission import registry
from invalidation.emission.relations import ThroughRules
from invalidation.emission.rows.columns import attribute_names
from invalidation.emission.rules import Rules, model_tag, object_tag

#: Keys that read alike before and after Django has converted them; others are known by their model's tag alone.
PLAIN_KEYS = (AutoField, IntegerField, CharField, UUIDField)

#: Those that a database takes for equal only if they are.
EXACT_KEYS = (AutoField, IntegerField, UUIDField)
#: Keys may be what a visitor asked for, as long as an address.
row_tag = lru_cache(maxsize=4096)(object_tag)


@registry.kept
def list_tags(model: type[Model]) -> frozenset[str]:
    """Tags that every write to the model's table emits; none where it isn't registered.

    A relation between two models emits the tags of both ends.
    """
    all_rules = registry.rules_for(model)
    covered = any(_is_row_of(model, rules) for rules in all_rules)
    tags = {model_tag(rules.model) for rules in all_rules} if covered else set()
    if is_relation(model):
        tags |= {model_tag(rules.model) for end in _ends(model) for rules in registry.rules_for(end)}
    return frozenset(tags)


@registry.kept
def row_models(model: type[Model]) -> tuple[type[Model], ...]:
    """Whose row tags stand for a row of the model's table, under the key that it has there; none where none do."""
    if not _has_plain_key(model):
        return ()
    own = (rules for rules in registry.rules_for(model) if not isinstance(rules, ThroughRules))
    return tuple(rules.model for rules in own if _is_row_of(model, rules) and _shares_key(model, rules.model))


@registry.kept
def part_models(model: type[Model], column: str) -> tuple[type[Model], ...]:
    """Whose tags of a part stand for the rows with one value in the column; none where some rule has no such tag."""
    field = field_of(model, column)
    if field is None or not isinstance(_plain_field(field), EXACT_KEYS):
        return ()
    own = [rules for rules in registry.rules_for(model) if _is_row_of(model, rules)]
    parts = all(field.attname in attribute_names(rules.model, rules.lists_by) for rules in own)
    return tuple(rules.model for rules in own) if parts else ()


def is_exact(model: type[Model]) -> bool:
    """Are two keys of the model equal only if they are the same?"""
    return isinstance(_plain_field(model._meta.pk), EXACT_KEYS)


def is_relation(model: type[Model]) -> bool:
    """Do its rows join others, whose tags a write to them emits?"""
    return model._meta.auto_created is not False or any(
        isinstance(rules, ThroughRules) for rules in registry.rules_for(model)
    )


def end_of(model: type[Model], column: str) -> type[Model] | None:
    """What stands at the end of a relation that its `column` names: one whose row tag every write to it emits."""
    if not is_relation(model):
        return None
    field = field_of(model, column)
    if field is None or not field.is_relation or not field.target_field.primary_key:
        return None
    end = _concrete(field.related_model)
    return end if row_models(end) else None


def field_of(model: type[Model], column: str) -> Any:
    """The field of the model's own table that has this column."""
    return next((field for field in model._meta.local_concrete_fields if field.column == column), None)


def key_of(model: type[Model], stored: Any) -> Any:
    """A key as an instance has it, from the database's own form of it."""
    return _plain_field(model._meta.pk).to_python(stored)


def _plain_field(field: Any) -> Any:
    while field.remote_field is not None:
        field = field.target_field
    return field


def _has_plain_key(model: type[Model]) -> bool:
    key: Field[Any, Any] | None = model._meta.pk
    if key is None or not getattr(key, "column", None):
        return False
    field = _plain_field(key)
    return isinstance(field, PLAIN_KEYS) and not hasattr(field, "from_db_value")


def _is_row_of(model: type[Model], rules: Rules) -> bool:
    return issubclass(_concrete(model), _concrete(rules.model))


def _shares_key(model: type[Model], other: type[Model]) -> bool:
    """Has the row of a child the key of its parent's?"""
    concrete = _concrete(model)
    while concrete is not _concrete(other):
        key: Any = concrete._meta.pk
        if key.remote_field is None or not key.remote_field.parent_link:
            return False
        concrete = _concrete(key.related_model)
    return True


def _concrete(model: type[Model]) -> type[Model]:
    return model._meta.concrete_model or model


def _ends(model: type[Model]) -> frozenset[type[Model]]:
    relations = [field.related_model for field in model._meta.fields if field.is_relation]
    return frozenset(end for end in relations if isinstance(end, type))

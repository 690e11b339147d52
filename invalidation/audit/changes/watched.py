"""Which tables are watched, and how much of their rows must be known to tell what a change makes stale. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import router
from django.db.models import BinaryField, JSONField, Model, TextField

from invalidation.emission import registry
from invalidation.emission.relations import ThroughRules, throughs
from invalidation.emission.rules import Rules

#: What no rule of visibility goes by, and what would fill the table.
LONG_FIELDS = (TextField, JSONField, BinaryField)


@dataclass(frozen=True, slots=True)
class Watched:
    """The table of a model, a parent of one, or a join table."""

    model: type[Model]
    keys: tuple[str, ...]
    """Columns of its primary key."""

    recorded: tuple[str, ...]
    """Columns that are kept of a changed row."""

    ignored: tuple[str, ...]
    """Columns that no rule minds: a change of these alone is none."""

    @property
    def table(self) -> str:
        """Its name in the database."""
        return self.model._meta.db_table


def watched(database: str) -> list[Watched]:
    """Every table of the database whose rows are those of registered models, or join them."""
    return [_watched(model) for model in dict.fromkeys(_models()) if router.allow_migrate_model(database, model)]


def _models() -> Iterator[type[Model]]:
    for model in registry.registered():
        concrete = model._meta.concrete_model or model
        yield concrete
        yield from concrete._meta.get_parent_list()
        yield from throughs(model)


def joining(model: type[Model]) -> list[ThroughRules]:
    """What says what is at the ends of its rows; none for a model that joins nothing."""
    if model._meta.auto_created:
        return [ThroughRules(model)]
    return [rules for rules in registry.rules_for(model) if isinstance(rules, ThroughRules)]


def has_visibility(rules: Rules) -> bool:
    """Do they tell rows that the public sees from others?"""
    return type(rules).when is not Rules.when


def _watched(model: type[Model]) -> Watched:
    keys = tuple(str(field.column) for field in model._meta.pk_fields)
    fields: list[Any] = list(model._meta.local_concrete_fields)
    kept = {field.column for field in fields if _is_kept(model, field)}
    public = registry.public_columns(model)
    ignored = [field.column for field in fields if public and field.attname not in public]
    recorded = tuple(dict.fromkeys((*keys, *(field.column for field in fields if field.column in kept))))
    return Watched(model, keys, recorded, tuple(ignored))


def _is_kept(model: type[Model], field: Any) -> bool:
    if joining(model) and field.is_relation:
        return True
    if not any(map(has_visibility, registry.rules_for(model))) or isinstance(field, LONG_FIELDS):
        return False
    return field.attname in registry.public_columns(model)

"""Which tags a changed row makes stale, by the rules, from what was noted of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Model

from invalidation.audit.changes.watched import has_visibility, joining
from invalidation.emission import evaluation, registry
from invalidation.emission.relations import ThroughRules
from invalidation.emission.rules import Rules, model_tag

#: A row by column, as the database wrote it into JSON.
Noted = Mapping[str, Any]


class Unknown(Exception):
    """What was noted of a row doesn't tell whether the public saw it."""


def of_rows(model: type[Model], known: Sequence[Mapping[str, Noted]], database: str) -> Iterator[str]:
    """Tags of rows that a statement changed, each with its `old` and its `new` state.

    Raises:
        Unknown: a row is of another version, or has changed beyond what can be told.
    """
    for change in known:
        try:
            rows = [_instance(model, state, database) for state in change.values()]
            yield from _of_row([row for row in rows if row is not None], model, database)
        except Unknown:
            raise
        except Exception as error:  # a rule's own, a value that the field no longer takes, a row that is gone
            raise Unknown(f"{type(error).__name__}: {error}") from error


def of_table(model: type[Model]) -> Iterator[str]:
    """The tags of the models whose rows were all removed at once."""
    ends = (rules for one in joining(model) for end in one.ends() for rules in registry.rules_for(end.related_model))
    own = (rules for rules in registry.rules_for(model) if not isinstance(rules, ThroughRules))
    yield from {model_tag(rules.model) for rules in (*own, *ends)}


def is_timed(model: type[Model]) -> bool:
    """May rows of this table become public by themselves?"""
    ends = [end.related_model for rules in joining(model) for end in rules.ends()]
    return any(registry.timed(one) for one in (model, *ends))


def _instance(model: type[Model], state: Noted, database: str) -> Model | None:
    """The row; None for the side of a change on which there was none."""
    local = {str(field.column): field for field in model._meta.local_concrete_fields}
    fields = {column: field for column, field in local.items() if column in state}
    keys = [str(field.column) for field in model._meta.pk_fields]
    if any(state.get(key) is None for key in keys):
        return None
    values = [field.to_python(state[column]) for column, field in fields.items()]
    return model.from_db(database, [field.attname for field in fields.values()], values)


def _of_row(states: Sequence[Model], model: type[Model], database: str) -> Iterator[str]:
    for rules in registry.rules_for(model):
        if not isinstance(rules, ThroughRules):
            for seen in evaluation.as_instances(rules, states, database):
                yield from _if_visible(rules, [seen])
    for join in joining(model):
        for state in states:
            yield from _of_ends(join, state, database)


def _of_ends(join: ThroughRules, row: Model, database: str) -> Iterator[str]:
    """Of what a join row stands between, as it is now; one that is gone was told of by itself."""
    field = _field(join.model)
    for end in join.ends():
        model, key = end.related_model, getattr(row, end.attname)
        if key is None or not end.target_field.primary_key:
            continue
        for found in model._base_manager.using(database).filter(pk=key):
            for rules in registry.rules_for(model):
                if field not in rules.ignore:
                    yield from _if_visible(rules, evaluation.as_instances(rules, [found], database))


def _field(through: type[Model]) -> str:
    """The many-to-many that an automatic join table is of, which rules may ignore at either end."""
    holder: Any = through._meta.auto_created
    fields = holder._meta.many_to_many if holder else ()
    return next((field.name for field in fields if field.remote_field.through is through), "")


def _if_visible(rules: Rules, rows: Sequence[Model]) -> Iterator[str]:
    for row in rows:
        try:
            if has_visibility(rules) and not rules.when(row):
                continue
        except ObjectDoesNotExist as error:
            raise Unknown("the row is gone") from error
        yield from (tag for tag in rules.key_targets(_key(rules, row)).tags if ":" in tag)


def _key(rules: Rules, row: Model) -> Any:
    """A multi-table child may have a key of its own."""
    return getattr(row, rules.model._meta.pk.attname)

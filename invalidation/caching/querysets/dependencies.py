"""Which tags make the result of a query stale: those of every model that it reads, joins and prefetches included."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from typing import Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model, Prefetch, QuerySet
from django.db.models.constants import LOOKUP_SEP

from invalidation.conf.changes import when_changed
from invalidation.emission import registry
from invalidation.emission.relations import ThroughRules
from invalidation.emission.rules import model_tag

#: Words of a statement that may be tables: columns stand behind the dot of theirs. One too many does no harm.
WORD = re.compile(r"(?<!\.)(?<!\.[\"`\[])\b\w+\b")


@cache
def _models_by_table() -> dict[str, type[Model]]:
    models = apps.get_models(include_auto_created=True)
    return {model._meta.db_table.strip('"'): model for model in models if not model._meta.proxy}


@lru_cache(maxsize=2048)
def _named(sql: str) -> frozenset[type[Model]]:
    """Models whose tables the statement reads; values are no part of it, so a site has not many of them."""
    by_table = _models_by_table()
    return frozenset(by_table[word] for word in by_table.keys() & WORD.findall(sql))


@when_changed("INSTALLED_APPS")
def _forget() -> None:
    _models_by_table.cache_clear()
    _named.cache_clear()


def models_read(queryset: QuerySet[Any, Any], sql: str) -> frozenset[type[Model]]:
    """Every model whose rows the result shows or depends on."""
    # A relation manager puts its own object into each row, which no statement shows.
    held = {field.related_model for field in queryset._known_related_objects}  # type: ignore[attr-defined]
    return _named(sql).union(held, _prefetched(queryset))


def _prefetched(queryset: QuerySet[Any, Any]) -> Iterator[type[Model]]:
    for lookup in queryset._prefetch_related_lookups:  # type: ignore[attr-defined]
        path = lookup.prefetch_through if isinstance(lookup, Prefetch) else str(lookup)
        yield from _models_on(queryset.model, path)
        inner = getattr(lookup, "queryset", None)
        if inner is not None:
            yield from models_read(inner, str(inner.query))


def _models_on(model: type[Model], path: str) -> Iterator[type[Model]]:
    """The models that a prefetch passes through.

    Raises:
        ImproperlyConfigured: a step leads to a model that depends on the row, as a generic foreign key does.
    """
    for name in path.split(LOOKUP_SEP):
        field: Any = next((f for f in model._meta.get_fields() if _accessor(f) == name), None)
        if field is None or field.related_model is None:
            raise ImproperlyConfigured(
                f"The prefetch {path!r} of {model._meta.label} can't be cached: {name!r} is no relation to one model."
            )
        through = getattr(getattr(field, "remote_field", None), "through", None) or getattr(field, "through", None)
        if through is not None:
            yield through
        model = field.related_model
        yield model


def _accessor(field: Any) -> str:
    return str(field.get_accessor_name() if hasattr(field, "get_accessor_name") else field.name)


def tags_of(models: Iterable[type[Model]], *, named: bool) -> frozenset[str]:
    """Tags that writes to these models emit; with `named` the caller has named tags for models without rules.

    Raises:
        ImproperlyConfigured: nothing would tell that a result became stale.
    """
    tags: set[str] = set()
    for model in models:
        own = _tags(model)
        if not own and not named:
            raise ImproperlyConfigured(
                f"A query over {model._meta.label} can't be cached, because its writes invalidate nothing: "
                "invalidation.register() it, or name the tags that do with tags=[…]."
            )
        tags |= own
    return frozenset(tags)


@cache
def _through_ends(model: type[Model]) -> frozenset[type[Model]]:
    relations = [field.related_model for field in model._meta.fields if field.is_relation]
    return frozenset(end for end in relations if isinstance(end, type))


def _tags(model: type[Model]) -> set[str]:
    """A relation between two models emits the tags of both ends."""
    all_rules = registry.rules_for(model)
    concrete = model._meta.concrete_model or model
    covered = any(issubclass(concrete, rules.model._meta.concrete_model or rules.model) for rules in all_rules)
    tags = {model_tag(rules.model) for rules in all_rules} if covered else set()
    if model._meta.auto_created or any(isinstance(rules, ThroughRules) for rules in all_rules):
        tags |= {model_tag(rules.model) for end in _through_ends(model) for rules in registry.rules_for(end)}
    return tags

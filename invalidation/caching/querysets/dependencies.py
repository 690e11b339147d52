"""Which tags make the result of a query stale: those of every model that it reads, joins and prefetches included."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model, Prefetch, QuerySet
from django.db.models.constants import LOOKUP_SEP

from invalidation.tracking import naming, tables


def models_read(queryset: QuerySet[Any, Any], sql: str) -> frozenset[type[Model]]:
    """Every model whose rows the result shows or depends on."""
    # A relation manager puts its own object into each row, which no statement shows.
    held = {field.related_model for field in queryset._known_related_objects}  # type: ignore[attr-defined]
    return tables.named(sql).union(held, _prefetched(queryset))


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
        own = naming.list_tags(model)
        if not own and not named:
            raise ImproperlyConfigured(
                f"A query over {model._meta.label} can't be cached, because its writes invalidate nothing: "
                "invalidation.register() it, or name the tags that do with tags=[…]."
            )
        tags |= own
    return frozenset(tags)

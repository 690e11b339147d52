"""Which stored rows given ones may meet: by the columns that an upsert names, or by whatever is unique in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import and_, or_
from typing import Any

from django.db.models import Model, Q, UniqueConstraint

from invalidation.emission.rows.columns import is_expression


def conflicting(model: type[Model], rows: Sequence[Model], named: Sequence[str] = ()) -> Q:
    """A condition that all stored rows meet which one of `rows` conflicts with, and few others.

    MariaDB and MySQL take no names (`unique_fields`): there a row overwrites any that it shares something unique with.
    """
    each = [named] if named else _unique(model)
    return reduce(or_, (_sharing(rows, _attributes(model, columns)) for columns in each))


def _sharing(rows: Sequence[Model], attributes: Sequence[str]) -> Q:
    """Rows with one of the values in each of these columns: more than those with all of one row, in one short list."""
    return reduce(and_, (Q(**{f"{name}__in": _values(rows, name)}) for name in attributes))


def _values(rows: Sequence[Model], name: str) -> list[Any]:
    """What the rows have there; NULL and what only the database can compute conflict with nothing that is known."""
    values = [getattr(row, name) for row in rows]
    return [value for value in values if value is not None and not is_expression(value)]


def _attributes(model: type[Model], names: Sequence[str]) -> list[str]:
    """Of foreign keys the column, which is there without a query."""
    return [name if name == "pk" else getattr(model._meta.get_field(name), "attname", name) for name in names]


def _unique(model: type[Model]) -> Iterator[Sequence[str]]:
    """Names of the columns that are unique, each list together; conditions and expressions are not looked into."""
    options: Any = model._meta
    yield ["pk"]
    yield from ([field.name] for field in options.concrete_fields if field.unique and not field.primary_key)
    yield from options.unique_together
    yield from (one.fields for one in options.constraints if isinstance(one, UniqueConstraint) and one.fields)

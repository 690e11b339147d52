"""What a statement asks for by name: columns that must have one of given values, whatever else is asked of the row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models.expressions import Col
from django.db.models.sql.where import AND, WhereNode
from django.utils.datastructures import OrderedSet

#: An occurrence of a table in a statement, and a column of it.
Column = tuple[str, str]
Literals = Mapping[Column, tuple[Any, ...]]
VALUES = (list, tuple, set, frozenset, OrderedSet)


def literals(where: WhereNode) -> dict[Column, tuple[Any, ...]]:
    """The columns that the whole condition binds to values; where it does twice, one of them is enough."""
    found: dict[Column, tuple[Any, ...]] = {}
    for lookup in _conjuncts(where):
        column: Any = getattr(lookup, "lhs", None)
        if column.__class__ is Col and lookup.lookup_name in ("exact", "in"):
            values = _values(lookup)
            if values is not None:
                found[column.alias, str(column.target.column)] = values
    return found


def _conjuncts(where: WhereNode) -> Iterator[Any]:
    """Conditions that every row meets."""
    if where.negated or (where.connector != AND and len(where.children) > 1):
        return
    for child in where.children:
        if isinstance(child, WhereNode):
            yield from _conjuncts(child)
        else:
            yield child


def _values(lookup: Any) -> tuple[Any, ...] | None:
    """None where the database computes them."""
    given = lookup.rhs
    if lookup.lookup_name == "exact":
        return None if _is_computed(given) else (given,)
    if not isinstance(given, VALUES):
        return None
    values = tuple(given)
    return None if any(map(_is_computed, values)) else values


def _is_computed(value: Any) -> bool:
    return hasattr(value, "resolve_expression") or hasattr(value, "as_sql")

"""A key that two queries share only if they must give the same result. Pure but for compiling."""

from __future__ import annotations

import hashlib
import json
import pickle
from typing import Any

import django
from django.db.models import QuerySet

QUERY_KEY = "invalidation:query:"


def statement(queryset: QuerySet[Any, Any]) -> tuple[str, tuple[Any, ...]]:
    """Compiled SQL and its parameters, which `str(query)` mixes up.

    Raises:
        EmptyResultSet: no row can match; nothing would be asked of the database.
    """
    sql, params = queryset.query.get_compiler(queryset.db).as_sql()
    return sql, tuple(params)


def key_of(queryset: QuerySet[Any, Any], kind: str, sql: str, params: tuple[Any, ...]) -> str:
    """Key of the result of `kind` ("list", "count" …): alias, statement, and what becomes of its rows."""
    shape = (
        django.VERSION,
        kind,
        queryset.db,
        queryset.model._meta.label,
        f"{queryset._iterable_class.__module__}.{queryset._iterable_class.__qualname__}",
        repr(queryset._fields),  # type: ignore[attr-defined]
        sorted(field.name for field in queryset._known_related_objects),  # type: ignore[attr-defined]
        [_prefetch(lookup) for lookup in queryset._prefetch_related_lookups],  # type: ignore[attr-defined]
        sorted((alias, _type(one)) for alias, one in queryset.query.annotations.items()),
    )
    text = repr((shape, sql, [spelled(param) for param in params]))
    return QUERY_KEY + hashlib.blake2b(text.encode(), digest_size=20).hexdigest()


def _prefetch(lookup: Any) -> Any:
    inner = getattr(lookup, "queryset", None)
    path = getattr(lookup, "prefetch_through", lookup)
    if inner is None:
        return path, getattr(lookup, "to_attr", None)
    sql, params = inner.query.sql_with_params()
    nested = [_prefetch(one) for one in inner._prefetch_related_lookups]
    return path, lookup.to_attr, sql, [spelled(param) for param in params], nested


def _type(expression: Any) -> str:
    """Two expressions may be the same SQL and be converted to different Python types."""
    return type(getattr(expression, "_output_field_or_none", None)).__name__


def spelled(param: Any) -> str:
    """Type and value of a parameter in full: representations alone are cut short by some adapters."""
    if param is None or isinstance(param, bool | int | float | str | bytes):
        return repr(param)
    if isinstance(param, list | tuple):
        return f"{type(param).__name__}({','.join(map(spelled, param))})"
    if hasattr(param, "obj"):  # psycopg's wrapper of JSON
        return f"{type(param).__name__}({json.dumps(param.obj, sort_keys=True, default=repr)})"
    return f"{type(param).__qualname__}({pickle.dumps(param)!r})"

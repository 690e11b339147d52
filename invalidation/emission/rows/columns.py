"""Columns of a model and their values: names, which ones can change in place, and copies that can't."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

import django
from django.db.models import FileField, Model
from django.db.models.fields import BinaryField, Field
from django.db.models.fields.files import FieldFile

#: Types whose values nobody can change in place.
PLAIN = frozenset({str, int, bool, type(None), float, Decimal, datetime, date, time, timedelta, UUID})
#: Where Django keeps the fields whose stored values are of these types, as is an attribute that was just loaded.
PLAIN_FIELDS = frozenset({f"django.db.models.fields{part}" for part in ("", ".related", ".files")})


@cache
def columns(model: type[Model]) -> frozenset[str]:
    """Attributes of all columns."""
    return frozenset(ordered_columns(model))


@cache
def ordered_columns(model: type[Model]) -> tuple[str, ...]:
    """Attributes of all columns, in the order of a full row."""
    return tuple(field.attname for field in model._meta.concrete_fields)


@cache
def _attribute_names(model: type[Model], names: frozenset[str]) -> frozenset[str]:
    fields = model._meta.concrete_fields
    return frozenset(field.attname for field in fields if field.name in names or field.attname in names)


def attribute_names(model: type[Model], names: Iterable[str]) -> frozenset[str]:
    """Column attributes (`category_id`) of the fields named, whichever of the two names was used."""
    return _attribute_names(model, frozenset(names))


@cache
def files(model: type[Model]) -> frozenset[str]:
    """File columns, whose values know the instance that they belong to."""
    return frozenset(field.attname for field in model._meta.concrete_fields if isinstance(field, FileField))


@cache
def computed(model: type[Model]) -> frozenset[str]:
    """Columns that the database computes, and Django (before 6.0) reads no more once the row is updated."""
    generated = (field.attname for field in model._meta.concrete_fields if getattr(field, "generated", False))
    return frozenset(generated if django.VERSION < (6, 0) else ())


@cache
def changeable(model: type[Model]) -> frozenset[str]:
    """Attributes of the columns whose loaded values may be changed in place (JSON), or are of a kind not known here."""
    return frozenset(field.attname for field in model._meta.concrete_fields if not _is_plain(field))


def _is_plain(field: Field[Any, Any]) -> bool:
    return type(field).__module__ in PLAIN_FIELDS and not isinstance(field, BinaryField)


def detached(value: Any) -> Any:
    """The value, detached from what may change it in place (JSON, arrays, files)."""
    if isinstance(value, dict | list | set | bytearray):
        return copy.deepcopy(value) if value else type(value)()
    return value.name if isinstance(value, FieldFile) else value


def is_expression(value: Any) -> bool:
    """F('views') + 1: what the row holds is known to the database alone."""
    return hasattr(value, "resolve_expression")

"""Says what a write did to a row, for people who ask why its pages are purged. Pure."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from django.db.models import Model, QuerySet
from django.utils.text import Truncator

from invalidation.emission.rows import history

#: Characters of a value.
MOST_CHARACTERS = 40


def added(row: Model) -> str:
    """`blog.post:42 was added`."""
    return f"{_name(row)} was added"


def deleted(start: Model | QuerySet[Any]) -> str:
    """The same of what a deletion began with."""
    if isinstance(start, QuerySet):
        return f"{start.model._meta.label_lower}: rows were deleted"
    return f"{_name(start)} was deleted"


def changed(tracked: Set[str], columns: Set[str], instance: Model, now: Model) -> str:
    """`blog.post:42 changed: slug 'old' → 'new'; body`: values of the columns that rules track, names of the others."""
    if not columns:
        return f"{_name(now)} was saved unchanged"
    known, after = history.newest(instance), now.__dict__
    shown = sorted(columns & tracked)
    told = [f"{name} {_value(known.get(name))} → {_value(after.get(name))}" for name in shown]
    return f"{_name(now)} changed: {'; '.join([*told, *sorted(columns - set(shown))])}"


def joined(instance: Model, field: str) -> str:
    """`blog.post:42 changed: tags`."""
    return f"{_name(instance)} changed: {field}"


def _name(row: Model) -> str:
    return f"{row._meta.label_lower}:{row.pk}"


def _value(value: Any) -> str:
    """What can't be written down must not make the write fail."""
    try:
        return Truncator(repr(value) if isinstance(value, str) else str(value)).chars(MOST_CHARACTERS)
    except Exception:  # noqa: BLE001 (a field's own)
        return "?"

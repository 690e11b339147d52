"""Targets in one line, cut to a length that a list can show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.text import Truncator

#: Values of one kind that a list shows before "and 7 more".
SHOWN_VALUES = 3
SHOWN_CHARACTERS = 100


def targets_summary(document: Any) -> str:
    """`tags blog.post:42, blog.post; everything`."""
    if not isinstance(document, Mapping):
        return "unreadable"
    parts = (_kind(kind, values) for kind, values in document.items())
    return Truncator("; ".join(parts)).chars(SHOWN_CHARACTERS)


def _kind(kind: str, values: Any) -> str:
    if not isinstance(values, list):
        return kind
    shown = ", ".join(map(_value, values[:SHOWN_VALUES]))
    more = len(values) - SHOWN_VALUES
    return f"{kind} {shown} and {more} more" if more > 0 else f"{kind} {shown}"


def _value(value: Any) -> str:
    """A cache key of another alias or version is stored as a mapping."""
    return str(value.get("key", value)) if isinstance(value, Mapping) else str(value)

"""The tags of what was read, and what of it no tag stands for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import Model

from invalidation.emission.rules import part_tag
from invalidation.tracking import naming
from invalidation.tracking.collector import Origin, Readings

#: Of the app itself, and what no running site changes.
UNSEEN_APPS = ("invalidation",)
UNSEEN = ("contenttypes.contenttype",)


def tags_of(readings: Readings) -> set[str]:
    """Of every row and list that was read, and of cached values."""
    return automatic_tags(readings) | readings.by_hand


def wide_tags_of(readings: Readings) -> set[str]:
    """The same, but instead of rows and parts their models, whose lists every write to them makes stale too."""
    return {_model_of(tag) for tag in automatic_tags(readings)} | readings.by_hand


def automatic_tags(readings: Readings) -> set[str]:
    """Those that nobody named."""
    found = set(readings.tags)
    for model in readings.lists:
        found |= naming.list_tags(model)
    for model in readings.rows:
        found.update(_row_tags(model, readings.rows_of(model)))
    for (model, column), values in readings.parts.items():
        if model not in readings.lists:
            found.update(_part_tags(model, column, values))
    return found


def untagged_in(readings: Readings) -> set[str]:
    """What no tag stands for, in words."""
    seen = {*readings.lists, *readings.rows, *(model for model, _ in readings.parts)}
    unregistered = (model for model in seen if not _is_told(model))
    return readings.untagged | {f"{model._meta.label}, which nobody has registered" for model in unregistered}


def explained(origin: Origin) -> set[str]:
    """The tags that one statement gave."""
    lists = (naming.list_tags(model) for model in origin.lists)
    rows = (_row_tags(model, [key]) for model, key in origin.rows)
    parts = (_part_tags(model, column, [value]) for model, column, value in origin.parts)
    return set(origin.tags).union(*lists, *rows, *parts)


def _model_of(tag: str) -> str:
    """`blog.post` of `blog.post:42`, and of `blog.post.category_id:3`."""
    return ".".join(tag.partition(":")[0].split(".")[:2])


def _part_tags(model: type[Model], column: str, values: Iterable[Any]) -> Iterator[str]:
    models, name = naming.part_models(model, column), naming.field_of(model, column).attname
    return (part_tag(known, name, value) for value in values for known in models)


def _row_tags(model: type[Model], keys: Iterable[Any]) -> Iterator[str]:
    models = naming.row_models(model)
    return (naming.row_tag(known, key) for key in keys for known in models)


def _is_told(model: type[Model]) -> bool:
    """Does anything tell of writes to it, or need nobody be told?"""
    unseen = model._meta.app_label in UNSEEN_APPS or model._meta.label_lower in UNSEEN
    return unseen or bool(naming.list_tags(model))

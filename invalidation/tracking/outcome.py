"""The tags of what was read, and what of it no tag stands for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import Model

from invalidation.tracking import naming
from invalidation.tracking.collector import Origin, Readings

#: Of the app itself, and what no running site changes.
UNSEEN_APPS = ("invalidation",)
UNSEEN = ("contenttypes.contenttype",)


def tags_of(readings: Readings) -> set[str]:
    """Of every row and list that was read, and of cached values."""
    found = set(readings.tags)
    for model in readings.lists:
        found |= naming.list_tags(model)
    for model in readings.rows:
        found.update(_row_tags(model, readings.rows_of(model)))
    return found


def untagged_in(readings: Readings) -> set[str]:
    """What no tag stands for, in words."""
    unregistered = (model for model in {*readings.lists, *readings.rows} if not _is_told(model))
    return readings.untagged | {f"{model._meta.label}, which nobody has registered" for model in unregistered}


def explained(origin: Origin) -> set[str]:
    """The tags that one statement gave."""
    lists = (naming.list_tags(model) for model in origin.lists)
    rows = (_row_tags(model, [key]) for model, key in origin.rows)
    return set(origin.tags).union(*lists, *rows)


def widened(tags: Iterable[str]) -> set[str]:
    """Instead of each row the list of its model, which every write to the row makes stale too."""
    return {tag.partition(":")[0] for tag in tags}


def _row_tags(model: type[Model], keys: Iterable[Any]) -> Iterator[str]:
    models = naming.row_models(model)
    return (naming.row_tag(known, key) for key in keys for known in models)


def _is_told(model: type[Model]) -> bool:
    """Does anything tell of writes to it, or need nobody be told?"""
    unseen = model._meta.app_label in UNSEEN_APPS or model._meta.label_lower in UNSEEN
    return unseen or bool(naming.list_tags(model))

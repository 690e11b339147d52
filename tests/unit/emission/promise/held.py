"""Holds the rows that a write changed, read from the database before and after it, against the recorded events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any

from django.apps import apps
from django.db import models

from invalidation.emission import registry
from invalidation.models import Event
from invalidation.targets.values import Targets, union

ALIASES = ("default", "other")


class Seen(StrEnum):
    """How much of what a write made stale is in the events."""

    WHOLE = "whole"
    TAGS = "tags, no addresses"
    LIST = "the model tag alone"
    NOTHING = "nothing"


#: Alias, table and key; what the columns held, and what that state makes stale.
Image = dict[tuple[str, str, Any], tuple[dict[str, Any], Targets]]


def image() -> Image:
    """Every row that shows somewhere: those of registered models, and of automatic join tables."""
    found: Image = {}
    for alias in ALIASES:
        found |= {(alias, label, key): (values, stale) for label, key, values, stale in _rows(alias)}
        found |= {(alias, label, key): (values, stale) for label, key, values, stale in _joins(alias)}
    return found


def _registered() -> list[tuple[type[models.Model], Any]]:
    return [(model, rules) for model, rules in registry.registered().items() if "kinds" in model.__module__]


def _rows(alias: str) -> Iterator[tuple[str, Any, dict[str, Any], Targets]]:
    for model, rules in _registered():
        stored: models.QuerySet[Any] = models.QuerySet(model, using=alias)
        for row in stored:
            values = {field.attname: getattr(row, field.attname) for field in model._meta.concrete_fields}
            yield model._meta.label, row.pk, values, rules.targets(row)


def _joins(alias: str) -> Iterator[tuple[str, Any, dict[str, Any], Targets]]:
    """A row of an automatic join table shows at both of its ends."""
    for through in apps.get_app_config("library").get_models(include_auto_created=True):
        if through._meta.auto_created and "kinds" in through._meta.auto_created.__module__:
            stored: models.QuerySet[Any] = models.QuerySet(through, using=alias)
            for row in stored.values():
                ends = (field for field in through._meta.concrete_fields if isinstance(field, models.ForeignKey))
                stale = union(_end(field.related_model, row[field.attname], alias) for field in ends)
                yield through._meta.label, row["id"], row, stale


def _end(model: Any, key: Any, alias: str) -> Targets:
    row: models.Model = models.QuerySet(model, using=alias).get(pk=key)
    return union(rules.targets(row) for rules in registry.rules_for(model))


def recorded() -> Targets:
    """What the events in all outboxes name."""
    events = [event for alias in ALIASES for event in Event.objects.using(alias).all()]
    return union(Targets.from_document(event.targets) for event in events)


def judged(write: Callable[[], object]) -> Seen:
    """How much of what `write` changes is in the events that it leaves."""
    before = image()
    for alias in ALIASES:
        Event.objects.using(alias).all().delete()
    write()
    after = image()
    stale = [
        before.get(place, ({}, Targets()))[1] | after.get(place, ({}, Targets()))[1]
        for place in before.keys() | after.keys()
        if before.get(place, ({},))[0] != after.get(place, ({},))[0]
    ]
    assert stale, "the write changed no row"
    return _judged(union(stale), recorded())


def _judged(stale: Targets, named: Targets) -> Seen:
    tags = {tag for tag in stale.tags if ":" in tag}
    if stale.tags <= named.tags and stale.urls <= named.urls:
        return Seen.WHOLE
    if tags <= named.tags:
        return Seen.TAGS
    return Seen.LIST if stale.tags - tags <= named.tags else Seen.NOTHING

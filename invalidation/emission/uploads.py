"""Files: a row whose file is replaced or deleted makes the file's address stale, and what is derived from it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from functools import partial
from typing import Any

from django.core.files import File
from django.db.models import Model

from invalidation.emission import evaluation, registry
from invalidation.emission.rows import history
from invalidation.emission.rows.columns import attribute_names, files
from invalidation.emission.rules import Rules
from invalidation.targets.values import Targets, union

#: Attribute of an instance: file columns whose new content is stored by the save under way, by whatever name.
UPLOADING = "_invalidation_uploading"


def public_files(model: type[Model]) -> frozenset[str]:
    """File columns of the model that some rule doesn't ignore."""
    return files(model) & registry.public_columns(model)


def note(instance: Model) -> None:
    """Remember which files the save is about to store: a storage may overwrite, and the column stay as it is."""
    if names := public_files(type(instance)):
        known = history.newest(instance)
        instance.__dict__[UPLOADING] = {name for name in names if _is_new(instance.__dict__.get(name), known.get(name))}


def _is_new(value: Any, known: Any) -> bool:
    """Not stored yet; or stored a moment ago by the column's own `save()`, which leaves the name as another string."""
    if isinstance(value, str):
        return value == known and value is not known
    return isinstance(value, File) and not getattr(value, "_committed", False)


def saved_targets(instance: Model, now: Model, *, created: bool) -> Targets:
    """Addresses of the files that a save has stored, replaced or cleared; as they were and as they are."""
    names = public_files(type(instance))
    if not names:
        return Targets()
    uploaded = instance.__dict__.pop(UPLOADING, set())
    if created:
        return file_targets([now], names)
    touched = names & (uploaded | history.changed(instance, now))
    return file_targets([now, history.as_it_was(now, history.newest(instance))], touched) if touched else Targets()


def written_targets(rows: Iterable[Model], model: type[Model], fields: Collection[str] | None) -> Targets:
    """Addresses of the files of these rows, as they are, where a bulk write of `fields` (None: all) concerns them."""
    names = public_files(model)
    if fields is not None:
        names &= attribute_names(model, fields)
    return file_targets(rows, names) if names else Targets()


def file_targets(rows: Iterable[Model], names: Collection[str]) -> Targets:
    """Addresses of these file columns, whoever may see the row: the file has an address of its own."""
    return union(targets for row in rows for name in names for targets in _of(row, getattr(row, name)))


def _of(row: Model, file: Any) -> Iterator[Targets]:
    if not file:
        return
    yield evaluation.addresses(_own(file))
    for rules in registry.rules_for(type(row)):
        derived = partial(_derived, rules, file)
        for url in evaluation.asked(rules, row, "derived_urls", derived):
            yield evaluation.address(rules, row, "derived_urls", url)


def _derived(rules: Rules, file: Any, _row: Model) -> Iterable[str]:
    return rules.derived_urls(file)


def _own(file: Any) -> list[str]:
    """Nothing for a storage that gives no addresses."""
    try:
        return [file.url]
    except (ValueError, NotImplementedError):
        return []

"""Models with tables and tags of their own, so that the commits of one trial make nothing of another one stale."""

from __future__ import annotations

from typing import Any

from django.db import connection, models

import invalidation
from invalidation.caching import CachedManager, fresh_start, tagged

FRAGMENT = "{% load invalidation %}{% taggedcache 600 key tags=tag %}{{ row.name }}{% endtaggedcache %}"


def declared(count: int) -> list[type[models.Model]]:
    """So many, each registered."""
    return [_model(f"Trial{number}") for number in range(count)]


def _model(name: str) -> type[models.Model]:
    meta = type("Meta", (), {"app_label": "blog"})
    names = {"__module__": __name__, "Meta": meta, "name": models.CharField(max_length=40), "objects": CachedManager()}
    model = type(name, (models.Model,), names)
    invalidation.register(model)
    return model


def created(tables: list[type[models.Model]]) -> list[Any]:
    """Create their tables, with a row in each."""
    with connection.schema_editor() as editor:
        for model in tables:
            editor.create_model(model)
    return [model._default_manager.create(pk=1, name="0 even") for model in tables]


def shown(model: Any) -> list[Any]:
    """What a reader sees of its row in one unit of work: a tagged value, the row, a count and a fragment."""
    from django.template import Context, Template

    tag = model._meta.label_lower
    with fresh_start():
        return [
            tagged.get_or_set(f"name:{tag}", lambda: model.objects.get(pk=1).name, tags=tag),
            model.objects.cached_get(pk=1).name,
            model.objects.cached_filter(name__endswith="even").cached_count(),
            Template(FRAGMENT).render(Context({"row": _Late(model), "tag": tag, "key": tag})),
        ]


class _Late:
    """A row that is read when the fragment is rendered."""

    def __init__(self, model: Any) -> None:
        self.model = model

    @property
    def name(self) -> str:
        """From the database."""
        return str(self.model.objects.get(pk=1).name)

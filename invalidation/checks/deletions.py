"""System check of foreign keys by which the database itself deletes or changes rows, of which nobody tells Django."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core import checks
from django.core.checks import CheckMessage
from django.db import connections, models
from django.db.models import ForeignKey, Model

from invalidation.emission import registry
from invalidation.triggers import installed

#: Django 6.1's; none of them is there before.
BY_DATABASE = {
    getattr(models, name): remedy
    for name, remedy in (("DB_CASCADE", "CASCADE"), ("DB_SET_NULL", "SET_NULL"), ("DB_SET_DEFAULT", "SET_DEFAULT"))
    if hasattr(models, name)
}


def check_deletions(*, databases: Any = None, **_: Any) -> list[CheckMessage]:
    """W012: one for each such field of a registered model; a table whose trigger is known to be there is left out."""
    seen = set().union(*(installed(connections[alias]) for alias in databases or ()))
    return [
        _unseen(field, remedy)
        for model in registry.registered()
        if model._meta.db_table not in seen
        for field, remedy in by_database(model)
    ]


def by_database(model: type[Model]) -> Iterator[tuple[ForeignKey[Any, Any], str]]:
    """Its foreign keys of that kind, each with what Django would do itself."""
    for field in model._meta.local_concrete_fields:
        if isinstance(field, ForeignKey):
            on_delete: Any = field.remote_field.on_delete
            if on_delete in BY_DATABASE:
                yield field, BY_DATABASE[on_delete]


def _unseen(field: ForeignKey[Any, Any], remedy: str) -> CheckMessage:
    return checks.Warning(
        f"The database deletes or changes rows by {field.name} (DB_{remedy}), and no event says so.",
        hint=f"Use {remedy}, whose rows Django collects, or install invalidation.triggers.InstallTrigger (PostgreSQL).",
        obj=field,
        id="invalidation.W012",
    )

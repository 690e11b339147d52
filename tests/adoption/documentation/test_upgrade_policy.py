"""Migrations keep the promise of docs/upgrade-policy.md: old code goes on writing while the tables are new."""

from __future__ import annotations

import pytest
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import AddField, AlterModelOptions, CreateModel, RemoveIndex, RenameIndex
from django.db.migrations.operations.base import Operation
from django.db.migrations.operations.models import AddIndex
from django.db.models import NOT_PROVIDED

LATER = [
    (name, operation)
    for (app, name), migration in sorted(MigrationLoader(None, ignore_no_migrations=True).disk_migrations.items())
    if app == "invalidation" and not name.startswith("0001_")
    for operation in migration.operations
]


@pytest.mark.parametrize(("migration", "operation"), LATER, ids=lambda value: str(value)[:60])
def test_a_migration_leaves_the_old_code_working(migration: str, operation: Operation) -> None:
    assert is_safe(operation), f"{migration}: old code can't write beside {operation.describe()}"


def is_safe(operation: Operation) -> bool:
    """Could code that knows nothing of it go on inserting and updating?"""
    if isinstance(operation, AddField):
        return operation.field.null or operation.field.db_default is not NOT_PROVIDED
    return isinstance(operation, CreateModel | AddIndex | RemoveIndex | RenameIndex | AlterModelOptions)

"""The INSERT of events, composed once per database: the request pays for its execution and little else."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cache
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from invalidation.models import Event


@dataclass(slots=True)
class Fact:
    """What an event says, without the weight of a model instance; the other columns are as those of a new event."""

    source: str
    actor: str
    reason: str
    correlation_id: str
    lane: str
    tiers: str
    targets: dict[str, Any]
    uid: uuid.UUID = field(default_factory=uuid.uuid4)
    created_at: datetime = field(default_factory=timezone.now)

    def __post_init__(self) -> None:
        """What nobody asked for begins with the event: its own id is as unique as another."""
        self.correlation_id = self.correlation_id or str(self.uid)

    def event(self) -> Event:
        """An instance that isn't stored yet."""
        return Event(**{one.name: getattr(self, one.name) for one in fields(self)})


@cache
def _statement(alias: str) -> tuple[str, str, list[Any]]:
    """The INSERT without its rows; one row; and what every row begins with, in columns that no fact names."""
    connection = connections[alias]
    quote, named = connection.ops.quote_name, {one.name for one in fields(Fact)}
    columns = [column for column in Event._meta.concrete_fields if not column.primary_key]
    same = [column for column in columns if column.name not in named]
    event = Event()
    constants = [column.get_db_prep_save(getattr(event, column.attname), connection) for column in same]
    names = [quote(column.column or "") for column in same] + [quote(one.name) for one in fields(Fact)]
    marks = f"({', '.join(['%s'] * len(names))})"
    return f"INSERT INTO {quote(Event._meta.db_table)} ({', '.join(names)}) VALUES ", marks, constants  # noqa: S608 (column names)


def _values(connection: BaseDatabaseWrapper, fact: Fact) -> list[Any]:
    """In the order of a fact's fields."""
    operations = connection.ops
    return [
        fact.source,
        fact.actor,
        fact.reason,
        fact.correlation_id,
        fact.lane,
        fact.tiers,
        operations.adapt_json_value(fact.targets, None),
        fact.uid if connection.features.has_native_uuid_field else fact.uid.hex,
        operations.adapt_datetimefield_value(fact.created_at),
    ]


def insert(connection: BaseDatabaseWrapper, fact: Fact) -> Event:
    """Store one event, which learns its primary key where the database tells it."""
    insertion, marks, constants = _statement(connection.alias)
    event, told = fact.event(), connection.features.can_return_columns_from_insert
    returning = f" RETURNING {connection.ops.quote_name('id')}" if told else ""
    with connection.cursor() as cursor:
        cursor.execute(insertion + marks + returning, constants + _values(connection, fact))
        if told:
            event.pk = cursor.fetchone()[0]
    event._state.adding, event._state.db = False, connection.alias
    return event


def insert_many(connection: BaseDatabaseWrapper, facts: Sequence[Fact]) -> None:
    """Store events in one statement."""
    insertion, marks, constants = _statement(connection.alias)
    values = [value for fact in facts for value in constants + _values(connection, fact)]
    with connection.cursor() as cursor:
        cursor.execute(insertion + ", ".join([marks] * len(facts)), values)

"""Events: what is stored of them, what becomes of them, and what is asked of them.

Their INSERT is composed once per database: the request pays for its execution and little else.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, TypeVar

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model, QuerySet, TextField
from django.db.models.functions import Cast
from django.utils import timezone

from invalidation.models import Batch, BatchStatus, Event, EventStatus
from invalidation.rows.states import EVENT, EventMove

#: What a batch's end means for its events.
ENDS = {BatchStatus.DONE: EventMove.COMPLETE, BatchStatus.DEAD: EventMove.FAIL}

#: As much of an id as lists show, or more.
UID_START = re.compile("[0-9a-f]{8,32}")
Row = TypeVar("Row", bound=Model)


class UidRange(NamedTuple):
    """The ids that begin so: a range of the index."""

    first: uuid.UUID
    last: uuid.UUID

    @classmethod
    def of(cls, text: uuid.UUID | str) -> UidRange | None:
        """Those that begin with this, with or without dashes; None for what no id that is shown begins with."""
        digits = str(text).strip().replace("-", "").lower()
        if not UID_START.fullmatch(digits):
            return None
        return cls(uuid.UUID(digits.ljust(32, "0")), uuid.UUID(digits.ljust(32, "f")))

    def of_rows(self, rows: QuerySet[Row]) -> QuerySet[Row]:
        """Those of these rows whose id is one of them."""
        return rows.filter(uid__gte=self.first, uid__lte=self.last)


@dataclass(slots=True)
class Fact:
    """What an event says, without the weight of a model instance; the other columns are as those of a new event."""

    source: str
    actor: str
    reason: str
    correlation_id: str
    lane: str
    mode: str
    tiers: str
    targets: dict[str, Any]
    traceparent: str = ""
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
        fact.mode,
        fact.tiers,
        operations.adapt_json_value(fact.targets, None),
        fact.traceparent,
        fact.uid if connection.features.has_native_uuid_field else fact.uid.hex,
        operations.adapt_datetimefield_value(fact.created_at),
    ]


def insert(connection: BaseDatabaseWrapper, fact: Fact) -> Event:
    """Store one event, which learns its primary key where the database tells it."""
    insertion, marks, constants = _statement(connection.alias)
    event, returns_key = fact.event(), connection.features.can_return_columns_from_insert
    returning = f" RETURNING {connection.ops.quote_name('id')}" if returns_key else ""
    with connection.cursor() as cursor:
        cursor.execute(insertion + marks + returning, constants + _values(connection, fact))
        if returns_key:
            event.pk = cursor.fetchone()[0]
    event._state.adding, event._state.db = False, connection.alias
    return event


def insert_many(connection: BaseDatabaseWrapper, facts: Sequence[Fact]) -> None:
    """Store events in one statement."""
    insertion, marks, constants = _statement(connection.alias)
    values = [value for fact in facts for value in constants + _values(connection, fact)]
    with connection.cursor() as cursor:
        cursor.execute(insertion + ", ".join([marks] * len(facts)), values)


def claim(database: str, keys: Collection[int], batch: Batch) -> int:
    """Make events that are still pending part of the batch; returns how many were."""
    connection = connections[database]
    quote, now = connection.ops.quote_name, connection.ops.adapt_datetimefield_value(timezone.now())
    [pending] = EVENT.sources(EventMove.CLAIM)
    # One array where there are arrays: to find the marks of hundreds of parameters takes longer than the statement.
    arrays = connection.vendor == "postgresql"
    marks = "= ANY(%s)" if arrays else f"IN ({', '.join(['%s'] * len(keys))})"
    written = "status = %s, claimed_at = %s, batch_id = %s"
    statement = f"UPDATE {quote(Event._meta.db_table)} SET {written} WHERE status = %s AND id {marks}"  # noqa: S608
    values = [EVENT.target(EventMove.CLAIM).value, now, batch.pk, pending.value, *([[*keys]] if arrays else keys)]
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return int(cursor.rowcount)


def end(database: str, batches: Sequence[Batch]) -> None:
    """The events of those of the batches that are over end as their batch has."""
    for status, move in ENDS.items():
        if over := [batch for batch in batches if batch.status == status]:
            _moved(on(database).filter(batch_id__in=[batch.pk for batch in over]), move, over[0].completed_at)


def bury(database: str, key: int, batch: Batch) -> None:
    """It can't be read; `batch` carries the reason."""
    _moved(on(database).filter(pk=key), EventMove.BURY, batch.completed_at, claimed_at=batch.completed_at, batch=batch)


def unbury(database: str, batches: Collection[int]) -> int:
    """Let the events of batches that carried what can't be read be read again; returns how many."""
    return _moved(on(database).filter(batch_id__in=batches), EventMove.RETURN, None, claimed_at=None, batch=None)


def reopen(database: str, batches: Collection[int]) -> None:
    """Deliveries of their batches are tried again."""
    _moved(on(database).filter(batch_id__in=batches), EventMove.REOPEN, None)


def remove(database: str, keys: Collection[int]) -> None:
    """Of these nothing more is to come, and nobody wants to know."""
    on(database).filter(pk__in=keys).delete()


def _moved(rows: QuerySet[Event], move: EventMove, completed_at: datetime | None, **values: Any) -> int:
    possible = rows.filter(status__in=EVENT.sources(move))
    return possible.update(status=EVENT.target(move), completed_at=completed_at, **values)


def on(database: str) -> QuerySet[Event]:
    """All of a database."""
    return Event.objects.using(database)


def pending(database: str) -> QuerySet[Event]:
    """Those that nobody has claimed."""
    return on(database).filter(status=EventStatus.PENDING)


def naming(database: str, tag: str, most: int) -> QuerySet[Event]:
    """Those of the newest `most` that purge this tag, the newest first: no index knows what events name."""
    newest = on(database).order_by("-id").values_list("id", flat=True).first() or 0
    told = Cast("targets", TextField())
    return on(database).filter(id__gt=newest - most).alias(told=told).filter(told__contains=f'"{tag}"').order_by("-id")


def done(database: str) -> QuerySet[Event]:
    """Those whose deliveries were all confirmed."""
    return on(database).filter(status=EventStatus.DONE)

"""The oldest pending events, found by a statement that is composed once: every drain begins with it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from django.db import connections
from django.db.models import Subquery
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_aware, make_aware

from invalidation.rows import batches, events
from invalidation.targets.values import Lane


class Pending(NamedTuple):
    """Of an event what a claim needs, without the weight of a model instance."""

    pk: int
    lane: str
    mode: str
    tiers: str
    targets: str
    """JSON; equal events have equal text."""

    correlation_id: str
    traceparent: str
    created_at: Any
    """As the database gives it: see `instant`."""

    remembered: int | None
    """The newest sequence of earlier batches; another statement would be one for each batch."""


def instant(database: str, stored: Any) -> Any:
    """What a database gives for an instant; those without time zones give it in the connection's, SQLite as text."""
    given: Any = parse_datetime(stored) if isinstance(stored, str) else stored
    return given if is_aware(given) else make_aware(given, connections[database].timezone)


def oldest(database: str, lanes: Sequence[str], limit: int) -> list[Pending]:
    """Of these lanes, of the foremost first: its name is the last in the alphabet. In a transaction.

    Where the database can, they are locked, and those that another transaction has locked are left out.
    """
    statement, parameters = _statement(database, tuple(lanes), limit)
    with connections[database].cursor() as cursor:
        cursor.execute(statement, parameters)
        return [Pending._make(row) for row in cursor.fetchall()]


@lru_cache(maxsize=64)
def _statement(database: str, lanes: Sequence[str], limit: int) -> tuple[str, tuple[Any, ...]]:
    pending = events.pending(database).order_by("-lane", "id")
    if len(lanes) < len(Lane.values):
        pending = pending.filter(lane__in=lanes)
    if connections[database].features.has_select_for_update_skip_locked:
        pending = pending.select_for_update(skip_locked=True)
    pending = pending.annotate(remembered=Subquery(batches.newest_sequence(database)))
    oldest = pending.values_list(*Pending._fields)[:limit]
    statement, parameters = oldest.query.get_compiler(database).as_sql()
    return statement, tuple(parameters)

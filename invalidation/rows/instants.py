"""Scheduled events: what becomes stale at an instant to come."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from invalidation.models import ScheduledEvent

#: Rows of one statement.
AT_ONCE = 500


def insert(database: str, rows: Iterable[ScheduledEvent]) -> None:
    """Store these."""
    ScheduledEvent.objects.using(database).bulk_create(rows, batch_size=AT_ONCE)


def withdraw(database: str, owners: Collection[str]) -> None:
    """What was to come of these rows, named by their object tags."""
    _delete(on(database).filter(owner__in=owners))


def withdraw_asked(database: str, uid: UUID, now: datetime) -> int:
    """Remove what somebody has asked for, unless its time has come; 0 where nothing was removed.

    Of this and `take` at the same moment one removes the row: whoever comes second finds none.
    """
    return _delete(asked(database).filter(uid=uid, due_at__gt=now))


def take(database: str, rows: Sequence[ScheduledEvent]) -> int:
    """Remove those that nobody else has taken; returns how many."""
    return _delete(on(database).filter(pk__in=[row.pk for row in rows]))


def _delete(rows: QuerySet[ScheduledEvent]) -> int:
    """Nothing refers to them, so Django need not look."""
    return rows._raw_delete(rows.db)


def on(database: str) -> QuerySet[ScheduledEvent]:
    """All of a database."""
    return ScheduledEvent.objects.using(database)


def asked(database: str) -> QuerySet[ScheduledEvent]:
    """Those that somebody has asked for; the others belong to rows, which move and withdraw them."""
    return on(database).filter(model="")


def due(database: str, now: datetime) -> QuerySet[ScheduledEvent]:
    """Those whose time has come, the oldest first."""
    return on(database).filter(due_at__lte=now).order_by("due_at", "id")


def first_after(
    database: str, instant: datetime, *, owners: Collection[str], models: Collection[str]
) -> datetime | None:
    """When the first of these rows, or of rows of these models, changes by itself after then; None for never."""
    wanted = Q(owner__in=owners) | Q(model__in=models)
    rows = on(database).filter(wanted, due_at__gt=instant).order_by("due_at")
    return rows.values_list("due_at", flat=True).first()

"""Replay: dead letters become pending again, because a person says so; the row remembers who and when."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from invalidation import lazy
from invalidation.models import Batch, BatchStatus, Delivery, DeliveryStatus, Event, EventStatus
from invalidation.pipeline import dispatch
from invalidation.pipeline.intake import unreadable
from invalidation.pipeline.intake.drain import announce_rest
from invalidation.pipeline.transitions import DEAD_LETTERS

logger = lazy.Logger(__name__)

#: Rows per statement, so that none holds locks for long.
CHUNK = 500
#: Batches handed out at once; the sweep does the rest, so that the person who asked need not wait.
HANDED_OUT = 100

#: A replayed delivery starts over: planned anew, with all its attempts before it.
FRESH: dict[str, Any] = {
    "status": DeliveryStatus.PENDING,
    "attempts": 0,
    "calls": 0,
    "steps": None,
    "external_id": "",
    "attempted_at": None,
    "completed_at": None,
    "swept_at": None,
}


def replay(deliveries: QuerySet[Delivery], *, actor: str) -> int:
    """Return the dead letters among `deliveries` to pending, in `actor`'s name; returns how many."""
    database = deliveries.db
    letters = deliveries.filter(status__in=DEAD_LETTERS).order_by("pk")
    count = returned = 0
    reopened: list[Batch] = []
    with transaction.atomic(using=database):
        for pks in _chunks(list(letters.values_list("pk", flat=True))):
            dead = Delivery.objects.using(database).filter(pk__in=pks, status__in=DEAD_LETTERS)
            returned += unreadable.returned(dead)
            batches = list(Batch.objects.using(database).filter(deliveries__in=pks).distinct())
            now = timezone.now()
            count += dead.update(**FRESH, available_at=now, replayed_at=now, replayed_by=actor[:150])
            _reopen(database, [batch.pk for batch in batches])
            reopened += batches
    if returned:
        transaction.on_commit(partial(announce_rest, database), using=database)
    logger.info("replayed", deliveries=count, events=returned, batches=len(reopened), actor=actor, database=database)
    for batch in reopened[:HANDED_OUT]:
        # A request may be one transaction: before its commit a worker would still see dead letters.
        transaction.on_commit(partial(dispatch.hand_out, database, batch), using=database)
    return count + returned


def replay_all(database: str, *, actor: str, tier: str = "") -> int:
    """Return every dead letter of a tier, or of all tiers, to pending."""
    letters = Delivery.objects.using(database).filter(status__in=DEAD_LETTERS)
    return replay(letters.filter(tier=tier) if tier else letters, actor=actor)


def _chunks(pks: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(pks), CHUNK):
        yield pks[start : start + CHUNK]


def _reopen(database: str, batches: list[int]) -> None:
    running = Batch.objects.using(database).filter(pk__in=batches)
    running.update(status=BatchStatus.RUNNING, completed_at=None)
    Event.objects.using(database).filter(batch_id__in=batches).update(status=EventStatus.CLAIMED, completed_at=None)

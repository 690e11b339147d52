"""Replay: dead letters become pending again, because a person says so."""

from __future__ import annotations

from functools import partial
from typing import Any

import structlog
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from invalidation.models import Batch, BatchStatus, Delivery, DeliveryStatus, Event, EventStatus
from invalidation.pipeline import advance
from invalidation.pipeline.transitions import DEAD_LETTERS

logger = structlog.get_logger(__name__)

#: A replayed delivery starts over: planned anew, with all its attempts before it.
FRESH: dict[str, Any] = {
    "status": DeliveryStatus.PENDING,
    "attempts": 0,
    "steps": None,
    "external_id": "",
    "attempted_at": None,
    "completed_at": None,
}


def replay(deliveries: QuerySet[Delivery], *, actor: str) -> int:
    """Return the dead letters among `deliveries` to pending; returns how many."""
    database = deliveries.db
    letters = deliveries.filter(status__in=DEAD_LETTERS)
    with transaction.atomic(using=database):
        pks = list(letters.values_list("pk", flat=True))
        batches = list(Batch.objects.using(database).filter(deliveries__pk__in=pks).distinct())
        dead = Delivery.objects.using(database).filter(pk__in=pks, status__in=DEAD_LETTERS)
        count = dead.update(**FRESH, available_at=timezone.now())
        _reopen(database, [batch.pk for batch in batches])
    logger.info("replayed", deliveries=count, actor=actor, database=database)
    for batch in batches:
        # A request may be one transaction: before its commit a worker would still see dead letters.
        transaction.on_commit(partial(advance.hand_out, database, batch), using=database)
    return count


def _reopen(database: str, batches: list[int]) -> None:
    running = Batch.objects.using(database).filter(pk__in=batches)
    running.update(status=BatchStatus.RUNNING, completed_at=None)
    Event.objects.using(database).filter(batch_id__in=batches).update(status=EventStatus.CLAIMED, completed_at=None)

"""Writes how whole batches ended, with their deliveries and events, in one transaction of few statements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from invalidation.models import Batch, BatchStatus, Delivery
from invalidation.pipeline import completion, rebound_schedule
from invalidation.rows import attempts, batches, deliveries, events


class Overtaken(Exception):
    """Somebody else took a delivery meanwhile; what this process knows of its batch counts for nothing."""


def settle(database: str, ends: Sequence[tuple[Batch, Sequence[Delivery], Sequence[Delivery]]]) -> None:
    """Write batches with those of their rows that changed, and with all of them, which tell whether the batch is over.

    Raises:
        Overtaken: nothing was written.
    """
    now = timezone.now()
    for batch, _, rows in ends:
        _conclude(batch, rows, now)
    over = [batch for batch, _, _ in ends]
    with transaction.atomic(using=database):
        ended = [row for _, changed, _ in ends for row in changed]
        if not deliveries.end_first_pass(database, ended):
            raise Overtaken
        if failed := [row for row in ended if row.error]:
            attempts.insert(database, failed, now)
        if not batches.conclude(database, over):
            raise Overtaken
        events.end(database, [batch for batch in over if batch.event_count])


def _conclude(batch: Batch, rows: Sequence[Delivery], now: Any) -> None:
    batch.status = completion.status(rows)
    if batch.status == BatchStatus.RUNNING:
        return
    batch.completed_at = now
    if batch.rebound_at:
        for name, value in rebound_schedule.of_settled(now, (row.tier for row in rows)).items():
            setattr(batch, name, value)

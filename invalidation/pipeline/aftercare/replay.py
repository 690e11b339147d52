"""Replay: dead letters become pending again, because a person says so; the row remembers who and when."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from invalidation import lazy
from invalidation.models import Batch, Delivery
from invalidation.pipeline import dispatch
from invalidation.pipeline.intake import unreadable
from invalidation.pipeline.intake.drain import announce_rest
from invalidation.rows import attempts, batches, events
from invalidation.rows import deliveries as rows
from invalidation.rows.states import DEAD_LETTERS

logger = lazy.Logger(__name__)

#: Rows per statement, so that none holds locks for long.
CHUNK = 500
#: Batches handed out at once; the sweep does the rest, so that the person who asked need not wait.
HANDED_OUT = 100


def replay(deliveries: QuerySet[Delivery], *, actor: str) -> int:
    """Return the dead letters among `deliveries` to pending, in `actor`'s name; returns how many."""
    database = deliveries.db
    letters = deliveries.filter(status__in=DEAD_LETTERS).order_by("pk")
    count = returned = 0
    reopened: list[Batch] = []
    with transaction.atomic(using=database):
        for pks in _chunks(list(letters.values_list("pk", flat=True))):
            returned += unreadable.returned(rows.dead_letters(database).filter(pk__in=pks))
            concerned = batches.of_deliveries(database, pks)
            dead = list(rows.dead_letters(database).filter(pk__in=pks).values_list("pk", flat=True))
            attempts.replayed(database, dead, actor=actor, now=timezone.now())
            count += rows.replay(database, dead, actor=actor, now=timezone.now())
            batches.reopen(database, keys := [batch.pk for batch in concerned])
            events.reopen(database, keys)
            reopened += concerned
    if returned:
        transaction.on_commit(partial(announce_rest, database), using=database)
    logger.info("replayed", deliveries=count, events=returned, batches=len(reopened), actor=actor, database=database)
    for batch in reopened[:HANDED_OUT]:
        # A request may be one transaction: before its commit a worker would still see dead letters.
        transaction.on_commit(partial(dispatch.hand_out, database, batch), using=database)
    return count + returned


def replay_all(database: str, *, actor: str, tier: str = "") -> int:
    """Return every dead letter of a tier, or of all tiers, to pending."""
    letters = rows.dead_letters(database)
    return replay(letters.filter(tier=tier) if tier else letters, actor=actor)


def _chunks(pks: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(pks), CHUNK):
        yield pks[start : start + CHUNK]

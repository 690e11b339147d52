"""After every change of a delivery: which others may run now, and is the batch complete?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from invalidation import conf
from invalidation.conf import graph
from invalidation.models import Batch, BatchStatus, Delivery, DeliveryStatus
from invalidation.pipeline import completion, rebound_schedule
from invalidation.rows import batches, deliveries, events
from invalidation.rows.states import FINAL
from invalidation.signals import batch_settled, deliveries_ready, tell


def hand_out(database: str, batch: Batch, rows: Sequence[Delivery] = (), *, again: bool = True) -> None:
    """Announce the deliveries that nothing holds back any more, and settle the batch once all are final.

    `again`: also those that were passed by, whose announcement waits for a free worker.
    Two workers that end inner deliveries at the same time may both announce an outer one: the lease admits one.
    """
    if not rows or rows[0].pk is None:  # MySQL doesn't tell the keys of rows that were stored together
        rows = deliveries.in_order(database, batch)
    advance(database, batch, rows, again=again)
    if all(row.status in FINAL for row in rows):
        settle(database, batch)


def advance(database: str, batch: Batch, rows: Sequence[Delivery], *, again: bool = True) -> None:
    """Announce what may run now, with what has to be purged again because it was purged too early."""
    if all(row.attempted_at for row in rows if not completion.is_metered(row.tier, row.node)) and completion.early(
        rows
    ):
        rows = _with_repeats(database, batch)
    announce(database, [row for row in startable(rows) if again or row.attempted_at is None])


def _with_repeats(database: str, batch: Batch) -> Sequence[Delivery]:
    """The deliveries, and a repeat for each that came too early; of two workers one stores them."""
    with transaction.atomic(using=database):
        batches.lock(database, batch)
        rows = deliveries.in_order(database, batch)
        return [*rows, *deliveries.repeat(batch, completion.early(rows))]


def after(database: str, delivery: Delivery) -> None:
    """The same after one delivery. A first attempt leaves looking at the others to the last one of its tier."""
    if delivery.leases <= 1 and deliveries.unattempted_beside(database, delivery).exists():
        return
    hand_out(database, delivery.batch, again=False)


def pass_by(database: str, delivery_id: int) -> None:
    """Let the tiers further out go on without a delivery that nobody is free for; its late success repeats them."""
    if deliveries.pass_by(database, delivery_id, timezone.now()):
        [batch] = batches.of_deliveries(database, [delivery_id])
        rows = deliveries.in_order(database, batch)
        announce(database, [row for row in startable(rows) if row.attempted_at is None])


def announce(database: str, ready: list[Delivery]) -> None:
    """Let workers run these."""
    if ready:
        tell(deliveries_ready, "hand_out_failed", database=database, deliveries=ready, wait_seconds=0.0)


def startable(rows: Sequence[Delivery]) -> list[Delivery]:
    """Pending deliveries whose inner tiers were all attempted, within the same pass."""
    tiers = conf.settings().tiers
    passes: defaultdict[str, list[Delivery]] = defaultdict(list)
    for row in rows:
        passes[row.delivery_pass].append(row)
    ready: list[Delivery] = []
    for own in passes.values():
        pending = [row for row in own if row.status == DeliveryStatus.PENDING]
        free = graph.unblocked(
            tiers, (row.tier for row in pending), (row.tier for row in own if row.attempted_at is None)
        )
        ready += [row for row in pending if row.tier in free]
    return [
        row for row in ready if not (completion.is_metered(row.tier, row.node) and completion.held_back(rows, row.tier))
    ]


def settle(database: str, batch: Batch) -> None:
    """Settle batch and events together; of several callers the first does.

    The deliveries are read again under the batch's lock: a repeat or a replay may have been stored meanwhile.
    """
    with transaction.atomic(using=database):
        batches.lock(database, batch)
        rows = deliveries.in_order(database, batch)
        status, now = completion.status(rows), timezone.now()
        values = rebound_schedule.of_settled(now, (row.tier for row in rows)) if batch.rebound_at else {}
        if status == BatchStatus.RUNNING or not batches.end(database, batch.pk, status, now, **values):
            return
        batch.status, batch.completed_at = status, now
        events.end(database, [batch])
    tell(batch_settled, "batch_receiver_failed", database=database, batch=batch, deliveries=rows)

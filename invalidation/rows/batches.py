"""Batches: what is stored of them, what becomes of them, and what is asked of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Exists, Min, OuterRef, Q, QuerySet

from invalidation.models import Batch, BatchStatus
from invalidation.rows import deliveries, statements, verifications
from invalidation.rows.states import BATCH, FINAL, BatchMove

#: Columns that the end of a first pass changes.
CONCLUDED = ("status", "sequence", "completed_at", "rebound_at", "rebounded_at")
#: Nothing more is to come; a slow rebound may outlast its time by far.
_SEEN_TO = Q(rebounded_at__isnull=False) & (Q(rebound=None) | ~Q(rebound__status=BatchStatus.RUNNING))
OVER = (Q(rebound_at=None) | _SEEN_TO) & ~Q(status=BatchStatus.RUNNING)
UNFINISHED = f"status = '{BatchStatus.RUNNING}'"


def insert(database: str, values: Sequence[Any]) -> int:
    """Store one; returns its key."""
    [key] = statements.insert(database, Batch, [values])
    return key


def bury(database: str, *, lane: str, correlation_id: str, now: datetime) -> Batch:
    """Store a dead one for an event that can't be read."""
    return on(database).create(
        lane=lane,
        correlation_id=correlation_id,
        event_count=1,
        status=BATCH.target(BatchMove.FAIL),
        completed_at=now,
    )


def conclude(database: str, batches: Sequence[Batch]) -> bool:
    """Write what a first pass has made of them; False where one of them isn't running any more."""
    return statements.write(database, batches, CONCLUDED, UNFINISHED)


def end(database: str, key: int, status: BatchStatus, completed_at: datetime, **values: Any) -> bool:
    """Of several callers the first ends it."""
    move = BatchMove.COMPLETE if status == BATCH.target(BatchMove.COMPLETE) else BatchMove.FAIL
    rows = on(database).filter(pk=key, status__in=BATCH.sources(move))
    return bool(rows.update(status=BATCH.target(move), completed_at=completed_at, **values))


def reopen(database: str, keys: Collection[int]) -> None:
    """Deliveries of theirs are tried again."""
    rows = on(database).filter(pk__in=keys, status__in=BATCH.sources(BatchMove.REOPEN))
    rows.update(status=BATCH.target(BatchMove.REOPEN), completed_at=None)


def remove(database: str, keys: Collection[int]) -> None:
    """With their deliveries and verifications."""
    on(database).filter(pk__in=keys).delete()


def stamp(database: str, batch: Batch) -> None:
    """Store its sequence."""
    on(database).filter(pk=batch.pk).update(sequence=batch.sequence)


def schedule_again(database: str, key: int, rebound_at: datetime) -> None:
    """One more rebound, where the first has been made."""
    on(database).filter(pk=key, rebounded_at__isnull=False).update(rebound_at=rebound_at, rebounded_at=None)


def take_rebounds(database: str, keys: Collection[int], now: datetime) -> int:
    """Mark those as seen to that nobody has; returns how many."""
    return on(database).filter(pk__in=keys, rebounded_at=None).update(rebounded_at=now)


def carry(database: str, keys: Collection[int], carrier: Batch) -> None:
    """`carrier` purges again what these have purged."""
    on(database).filter(pk__in=keys).update(rebound=carrier)


def take_verifications(database: str, keys: Collection[int], now: datetime) -> int:
    """Mark those as verified that nobody has; returns how many."""
    return on(database).filter(pk__in=keys, verified_at=None).update(verified_at=now)


def take_refresh(database: str, key: int, now: datetime) -> bool:
    """Mark it as one that is being fetched again, unless another worker has."""
    return bool(on(database).filter(pk=key, refresh_started_at=None).update(refresh_started_at=now))


def leave_refreshes(database: str, completed_before: datetime, now: datetime) -> int:
    """Take those that were purged too long ago off the list; returns how many."""
    return to_refresh(database).order_by().filter(completed_at__lt=completed_before).update(refresh_started_at=now)


def end_refresh(database: str, key: int, now: datetime) -> None:
    """It was fetched again."""
    on(database).filter(pk=key).update(refreshed_at=now)


def verify_again(database: str, batch: Batch) -> None:
    """A node could not be asked."""
    on(database).filter(pk=batch.pk).update(verified_at=None)


def on(database: str) -> QuerySet[Batch]:
    """All of a database."""
    return Batch.objects.using(database)


def lock(database: str, batch: Batch) -> None:
    """Until the end of the transaction nobody else ends it, or stores repeats for it."""
    list(on(database).select_for_update().filter(pk=batch.pk).values_list("pk"))


def running(database: str) -> QuerySet[Batch]:
    """Those with open deliveries, or whose worker died before it ended them."""
    return on(database).filter(status=BatchStatus.RUNNING)


def over(database: str) -> QuerySet[Batch]:
    """Those with nothing more to come, their rebound included."""
    return on(database).filter(OVER)


def idle(database: str, since: datetime) -> QuerySet[Batch]:
    """Running ones without an open delivery: a worker died just before it settled the batch."""
    still_open = deliveries.on(database).filter(batch=OuterRef("pk")).exclude(status__in=FINAL)
    return running(database).filter(~Exists(still_open), created_at__lt=since).order_by("id")


def due_for_rebound(database: str, now: datetime) -> QuerySet[Batch]:
    """Those to be purged again, that for longest first."""
    return on(database).filter(rebound_at__lte=now, rebounded_at=None).order_by("rebound_at")


def claimed_since(database: str, instant: datetime) -> QuerySet[Batch]:
    """The newest first, without those that ended dead, which did nobody's work."""
    return on(database).filter(created_at__gte=instant).exclude(status=BatchStatus.DEAD).order_by("-id")


def rebounds_of(database: str, batches: Collection[Batch]) -> dict[int, datetime]:
    """When the batches that carry the rebounds of these were made, by their key."""
    return {batch.pk: batch.created_at for batch in on(database).filter(rebounds__in=batches)}


def first_sequence(database: str, carrier: Batch) -> int | None:
    """Of the batches that it purges again; None where one of them did not end well."""
    carried = on(database).filter(rebound_id=carrier.pk)
    if carried.filter(~Q(status=BatchStatus.DONE) | Q(sequence=None)).exists():
        return None
    first: int | None = carried.aggregate(first=Min("sequence"))["first"]
    return first


def newest_sequence(database: str) -> QuerySet[Batch, Any]:
    """As a subquery: it would otherwise be one more statement for each batch."""
    return on(database).filter(sequence__isnull=False).order_by("-id").values("sequence")[:1]


def unverified(database: str, asked_since: datetime) -> QuerySet[Batch]:
    """Over, the newest first, without those of which a node was asked since then."""
    lately = verifications.since(database, asked_since).filter(batch=OuterRef("pk"))
    return over(database).filter(~Exists(lately), verified_at=None).order_by("-id")


def to_refresh(database: str) -> QuerySet[Batch]:
    """Purged everywhere, with pages that are still to be fetched again, the newest first."""
    return on(database).filter(wants_refresh=True, refresh_started_at=None, status=BatchStatus.DONE).order_by("-id")


def of_deliveries(database: str, keys: Collection[int]) -> list[Batch]:
    """The batches of these deliveries."""
    return list(on(database).filter(deliveries__in=keys).distinct())

"""Rebound: what a batch purged is purged again, once nothing rendered from older data can still arrive."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connections, transaction
from django.utils import timezone

from invalidation import conf
from invalidation.models import Batch, BatchStatus, Delivery, Pass
from invalidation.pipeline import advance
from invalidation.pipeline.claim import Contended, deliveries
from invalidation.pipeline.coalesce import coalesce
from invalidation.values import Lane, Targets

#: Batches looked at by one run, and later batches that may have done their work.
LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Purge:
    """What a batch purged where, and when it was claimed."""

    created_at: datetime
    tiers: str
    targets: Targets


@dataclass(frozen=True, slots=True)
class Rebounded:
    """What one run did; its text is what Flower shows as the task's result."""

    batches: int = 0
    carriers: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.batches} batches rebounded by {list(self.carriers)}"


def rebound(database: str) -> Rebounded:
    """Merge the rebounds that are due into as few batches as their limits allow, and hand those out."""
    try:
        with transaction.atomic(using=database):
            due = _take(database, timezone.now())
            carriers = [_carrier(database, group) for group in _groups(due, _later(database, due))]
    except Contended:
        return Rebounded()
    made = [carrier for carrier in carriers if carrier]
    for carrier in made:
        advance.hand_out(database, carrier)
    return Rebounded(len(due), tuple(carrier.pk for carrier in made))


def _take(database: str, now: datetime) -> Sequence[Batch]:
    """Batches whose time has come, marked as seen to; of two workers one takes them."""
    rows = Batch.objects.using(database).filter(rebound_at__lte=now, rebounded_at=None).order_by("rebound_at")
    if connections[database].features.has_select_for_update_skip_locked:
        rows = rows.select_for_update(skip_locked=True)
    due = list(rows[:LIMIT])
    mine = Batch.objects.using(database).filter(pk__in=[batch.pk for batch in due], rebounded_at=None)
    if mine.update(rebounded_at=now) != len(due):
        raise Contended
    return due


def _later(database: str, due: Sequence[Batch]) -> list[Purge]:
    """Batches claimed after the first of the due times; those that ended dead did nobody's work."""
    if not due:
        return []
    rows = Batch.objects.using(database).filter(created_at__gte=due[0].rebound_at).exclude(status=BatchStatus.DEAD)
    return [_purge(batch) for batch in rows.order_by("-id")[:LIMIT]]


def _purge(batch: Batch) -> Purge:
    return Purge(batch.created_at, batch.tiers, Targets.from_document(batch.targets))


def _groups(due: Iterable[Batch], later: Sequence[Purge]) -> Iterator[list[tuple[Batch, Targets]]]:
    """What is left to do, for the same tiers together, each group within the limit of a batch."""
    limit = conf.settings().batch_targets_limit
    groups: defaultdict[str, list[tuple[Batch, Targets]]] = defaultdict(list)
    for batch in due:
        group = groups[batch.tiers]
        if left := remaining(_purge(batch), batch.rebound_at or batch.created_at, later):
            if group and sum(len(targets) for _, targets in group) + len(left) > limit:
                yield groups.pop(batch.tiers)
            groups[batch.tiers].append((batch, left))
    yield from (group for group in groups.values() if group)


def remaining(purge: Purge, due_at: datetime, later: Iterable[Purge]) -> Targets:
    """Its targets without those that a batch claimed at or after the due time has purged everywhere. Pure."""
    left = purge.targets
    for other in later:
        if other.created_at >= due_at and other.tiers in ("", purge.tiers):
            left = _without(left, other.targets)
    return left


def _without(targets: Targets, done: Targets) -> Targets:
    """Keys may live in caches that `everything` doesn't empty."""
    keys = targets.keys - done.keys
    if done.everything:
        return Targets(keys=keys)
    return Targets(
        targets.tags - done.tags,
        targets.urls - done.urls,
        targets.prefixes - done.prefixes,
        keys,
        targets.everything,
    )


def _carrier(database: str, group: Sequence[tuple[Batch, Targets]]) -> Batch | None:
    """A batch without events whose deliveries purge again what the group's batches purged."""
    batches = [batch for batch, _ in group]
    carrier = Batch(
        lane=min((batch.lane for batch in batches), key=Lane.values.index),
        tiers=batches[0].tiers,
        targets=coalesce(targets for _, targets in group).document(),
        correlation_id=batches[0].correlation_id,
        sequence=max((batch.sequence for batch in batches if batch.sequence), default=None),
        verified_at=timezone.now(),
    )
    tiers = conf.settings().tiers
    rows = [row for row in deliveries(carrier, Pass.REBOUND) if tiers[row.tier].rebound_seconds != 0]
    if not rows:
        return None
    carrier.save(using=database)
    Delivery.objects.using(database).bulk_create(rows)
    Batch.objects.using(database).filter(pk__in=[batch.pk for batch in batches]).update(rebound=carrier)
    return carrier

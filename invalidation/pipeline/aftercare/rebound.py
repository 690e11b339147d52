"""Rebound: what a batch purged is purged again, once nothing rendered from older data can still arrive.

A batch that is still running is rebounded at the nodes where it is over, and at the others when it has ended.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connections, transaction
from django.utils import timezone

from invalidation import conf
from invalidation.models import Batch, BatchStatus, Delivery, DeliveryStatus, Pass
from invalidation.pipeline.delivery import first_pass
from invalidation.pipeline.intake.claim import Contended, new_deliveries
from invalidation.pipeline.rebound_schedule import delay
from invalidation.rows import batches, deliveries
from invalidation.rows.birth import Birth
from invalidation.signals import batch_claimed, tell
from invalidation.targets.coalesce import coalesce
from invalidation.targets.values import Mode, Targets, most_urgent

#: Batches looked at by one run, and later batches that may have done their work.
LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Purge:
    """What a batch purged where, and when it was claimed."""

    created_at: datetime
    tiers: str
    mode: str
    targets: Targets


@dataclass(frozen=True, slots=True)
class Due:
    """A batch, what is left of it to purge again, and at which nodes: tier and address of each."""

    batch: Batch
    left: Targets
    nodes: frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Rebounded:
    """What one run did; its text is what Flower shows as the task's result."""

    batches: int = 0
    carriers: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.batches} batches rebounded by {list(self.carriers)}"


def rebound(database: str, *, inline_tiers: Collection[str] = ()) -> Rebounded:
    """Merge the rebounds that are due into as few batches as their limits allow; purge `inline_tiers` here."""
    now = timezone.now()
    try:
        with transaction.atomic(using=database):
            taken = _take(database, now)
            groups = list(_groups(_due(database, taken, now))) if taken else []
            made = [carrier for group in groups if (carrier := _carrier(database, group, now))]
    except Contended:
        return Rebounded()
    free = first_pass.unmetered(inline_tiers)
    first_pass.finish(database, [first_pass.first_pass(carrier, rows, free) for carrier, rows in made])
    return Rebounded(len(taken), tuple(carrier.pk for carrier, _ in made))


def _take(database: str, now: datetime) -> Sequence[Batch]:
    """Batches whose time has come, marked as seen to; of two workers one takes them."""
    rows = batches.due_for_rebound(database, now)
    if connections[database].features.has_select_for_update_skip_locked:
        rows = rows.select_for_update(skip_locked=True)
    due = list(rows[:LIMIT])
    if not due:
        return due
    if batches.take_rebounds(database, [batch.pk for batch in due], now) != len(due):
        raise Contended
    return due


def _later(database: str, due: Sequence[Batch]) -> list[Purge]:
    """Batches claimed after the first of the due times; those that ended dead did nobody's work."""
    if not due:
        return []
    since = due[0].rebound_at or due[0].created_at
    return [_purge(batch) for batch in batches.claimed_since(database, since)[:LIMIT]]


def _purge(batch: Batch) -> Purge:
    return Purge(batch.created_at, batch.tiers, batch.mode, batch.readable or Targets())


def _due(database: str, taken: Sequence[Batch], now: datetime) -> Iterator[Due]:
    """The rebounds that are due, without what a later batch has purged already, at nodes where the purge is over."""
    later, deliveries_of = _later(database, taken), _deliveries(database, taken)
    before = batches.rebounds_of(database, taken)
    for batch in taken:
        left = remaining(_purge(batch), batch.rebound_at or batch.created_at, later)
        rows = deliveries_of[batch.pk]
        waited = delay(row.tier for row in rows)
        until = now if batch.status != BatchStatus.RUNNING else now - waited
        since = before[batch.rebound_id] - waited if batch.rebound_id else None
        if left and (nodes := proved(rows, since, until)):
            yield Due(batch, left, nodes)


def _deliveries(database: str, taken: Sequence[Batch]) -> defaultdict[int, list[Delivery]]:
    by_batch: defaultdict[int, list[Delivery]] = defaultdict(list)
    rows = deliveries.on(database).filter(batch__in=taken)
    for row in rows.only("batch_id", "tier", "node", "status", "completed_at"):
        by_batch[row.batch_id].append(row)
    return by_batch


def proved(rows: Iterable[Delivery], since: datetime | None, until: datetime) -> frozenset[tuple[str, str]]:
    """Nodes that proved a purge after `since`, so that no rebound has followed it, and not after `until`. Pure."""
    ended = [(row.tier, row.node, row.completed_at) for row in rows if row.status == DeliveryStatus.PURGED]
    return frozenset((tier, node) for tier, node, at in ended if at and at <= until and (since is None or at > since))


def _groups(due: Iterable[Due]) -> Iterator[list[Due]]:
    """Rebounds that can share a batch: of the same mode, tiers, nodes and earlier rebound, within its limit."""
    limit = conf.settings().backlog.batch_targets_limit
    groups: defaultdict[tuple[object, ...], list[Due]] = defaultdict(list)
    for one in due:
        place = (one.batch.mode, one.batch.tiers, one.nodes, one.batch.rebound_id)
        group = groups[place]
        if group and sum(len(other.left) for other in group) + len(one.left) > limit:
            yield groups.pop(place)
        groups[place].append(one)
    yield from (group for group in groups.values() if group)


def remaining(purge: Purge, due_at: datetime, later: Iterable[Purge]) -> Targets:
    """The targets of a rebound, without those that a batch claimed since it was due has purged everywhere. Pure."""
    left = purge.targets
    for other in later:
        if other.created_at >= due_at and other.tiers in ("", purge.tiers) and other.mode in _as_thorough(purge.mode):
            left = _without(left, other.targets)
    return left


def _as_thorough(mode: str) -> Collection[str]:
    """Modes of a later batch after which nothing is left to do for one of this mode. Pure."""
    return Mode.values if mode == Mode.INVALIDATE else (Mode.DELETE, Mode.REFRESH)


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


def _carrier(database: str, group: Sequence[Due], now: datetime) -> tuple[Batch, Sequence[Delivery]] | None:
    """A batch without events whose deliveries purge again what the group's batches purged."""
    due = [one.batch for one in group]
    carrier = Batch(
        created_at=now,
        lane=most_urgent(batch.lane for batch in due),
        mode=due[0].mode,
        wants_refresh=any(batch.wants_refresh for batch in due),
        tiers=due[0].tiers,
        targets=coalesce(one.left for one in group).document(),
        correlation_id=due[0].correlation_id,
        sequence=max((batch.sequence for batch in due if batch.sequence), default=None),
        rebound_id=due[0].rebound_id,
        verified_at=now,
    )
    tiers, nodes = conf.settings().tiers, group[0].nodes
    wanted = [row for row in new_deliveries(carrier, Pass.REBOUND) if tiers[row.tier].rebound_seconds != 0]
    rows = [row for row in wanted if (row.tier, row.node) in nodes]
    if not rows:
        return None
    tell(batch_claimed, "batch_receiver_failed", database=database, batch=carrier, merged=due)
    Birth(database, carrier, rows).store()
    batches.carry(database, [batch.pk for batch in due], carrier)
    return carrier, rows

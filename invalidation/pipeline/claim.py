"""Claiming: pending events become one batch and its deliveries, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from django.db import connections, transaction
from django.db.models import Subquery
from django.utils import timezone

from invalidation import conf
from invalidation.models import Batch, Delivery, Event, EventStatus, Pass
from invalidation.pipeline import backlog, graph, rebound_due, unreadable
from invalidation.pipeline.coalesce import coalesce
from invalidation.pipeline.plan import concerns
from invalidation.pipeline.variants import Variants, spread
from invalidation.providers.registry import provider_class
from invalidation.values import Lane, Targets


class Contended(Exception):
    """Another drain claimed some of the same events; only databases without SKIP LOCKED see this."""


class Claimed(NamedTuple):
    """A new batch, and its deliveries."""

    batch: Batch
    rows: Sequence[Delivery]
    left: bool
    """May more be pending than was taken?"""

    remembered: int
    """The newest sequence of earlier batches; 0 for none."""


def claim(database: str, lanes: Sequence[str] = tuple(Lane.values)) -> Claimed | None:
    """Merge pending events of the first of `lanes` that has any into a batch; None where nothing is pending.

    A process that dies inside leaves the events pending, since all of it is one transaction.

    Raises:
        Contended: try again.
    """
    with transaction.atomic(using=database):
        while True:
            events, waiting = _claimable(database, lanes)
            if not events:
                return None
            if read := unreadable.buried(database, _alike(events, waiting)):
                return _batch(database, read, waiting, found=len(events))


def _claimable(database: str, lanes: Sequence[str]) -> tuple[Sequence[Event], backlog.Backlog]:
    """As many of the oldest pending events as the backlog allows: that is only known once a small claim is full."""
    limit = max(backlog.gauge.known(database, lane).claim_limit for lane in lanes)
    events = _foremost(database, lanes, limit)
    if not events:
        return (), backlog.Backlog()
    lane = events[0].lane
    seen = sum(event.lane == lane for event in events)
    waiting = backlog.gauge.read(database, lane, seen=min(seen, backlog.gauge.known(database, lane).claim_limit))
    if waiting.claim_limit > seen == limit:
        events = _oldest(database, [lane], waiting.claim_limit)
    return events, waiting


def _foremost(database: str, lanes: Sequence[str], limit: int) -> Sequence[Event]:
    """Pending events of the first of `lanes` that has any, in one look where their order is that of the index."""
    if list(lanes) == sorted(lanes, reverse=True):
        return _oldest(database, lanes, limit)
    looks = (_oldest(database, [lane], limit) for lane in lanes)
    return next((events for events in looks if events), ())


def _oldest(database: str, lanes: Sequence[str], limit: int) -> Sequence[Event]:
    """The oldest pending events, of the foremost lane first: its name is the last in the alphabet."""
    pending = Event.objects.using(database).filter(status=EventStatus.PENDING).order_by("-lane", "id")
    if len(lanes) < len(Lane.values):
        pending = pending.filter(lane__in=lanes)
    if connections[database].features.has_select_for_update_skip_locked:
        pending = pending.select_for_update(skip_locked=True)
    newest = Batch.objects.using(database).filter(sequence__isnull=False).order_by("-id").values("sequence")[:1]
    pending = pending.annotate(remembered=Subquery(newest))
    return list(pending.only("id", "lane", "tiers", "targets", "correlation_id")[:limit])


def _alike(found: Sequence[Event], waiting: backlog.Backlog) -> Sequence[Event]:
    """Those that may share a batch with the first."""
    alike = [event for event in found if (event.lane, event.tiers) == (found[0].lane, found[0].tiers)]
    return alike[: waiting.claim_limit]


def _batch(database: str, read: Sequence[tuple[Event, Targets]], waiting: backlog.Backlog, *, found: int) -> Claimed:
    fitting = _fitting([targets for _, targets in read])
    events = [event for event, _ in read[: len(fitting)]]
    merged = batched(fitting)
    batch = Batch(
        lane=events[0].lane if events[0].lane in Lane.values else Lane.EDITORIAL,
        tiers=events[0].tiers,
        targets=merged.document(),
        event_count=len(events),
        backlog=waiting.depth,
        widening=waiting.widening,
        correlation_id=events[0].correlation_id,
    )
    batch.merged = merged  # it need not be read again
    rows = deliveries(batch)
    batch.rebound_at = rebound_due.of_running(batch.created_at, (row.tier for row in rows))
    batch.save(using=database, force_insert=True)
    _take(database, events, batch)
    left = len(events) < found or found >= waiting.claim_limit
    return Claimed(batch, Delivery.objects.using(database).bulk_create(rows), left, _remembered(events[0]))


def _remembered(event: Event) -> int:
    """Read with the event itself, because another statement would be one for each batch."""
    return getattr(event, "remembered", None) or 0


def batched(many: Sequence[Targets]) -> Targets:
    """Their targets as one batch has them: merged, and with the declared variants of their URLs."""
    settings = conf.settings()
    declared = Variants(settings.language_prefixes, settings.trailing_slash_twins, settings.query_variants)
    merged = coalesce(many)
    return coalesce([spread(merged, declared)]) if declared else merged


def _fitting(many: Sequence[Targets]) -> list[Targets]:
    """As many from the front as stay within the limit of a batch, and at least one."""
    room = conf.settings().batch_targets_limit
    fitting: list[Targets] = []
    for targets in many:
        room -= len(targets)
        if fitting and room < 0:
            break
        fitting.append(targets)
    return fitting


def _take(database: str, events: Sequence[Event], batch: Batch) -> None:
    mine = Event.objects.using(database).filter(pk__in=[event.pk for event in events], status=EventStatus.PENDING)
    taken = mine.update(status=EventStatus.CLAIMED, claimed_at=timezone.now(), batch=batch)
    if taken != len(events):
        raise Contended


def deliveries(batch: Batch, delivery_pass: str = Pass.PURGE) -> list[Delivery]:
    """One unsaved delivery per node of every tier that the batch concerns, innermost tiers first."""
    tiers = conf.settings().tiers
    targets = batch.merged
    wanted = set(batch.tiers.split(",")) if batch.tiers else set(tiers)
    return [
        Delivery(batch=batch, tier=name, node=node, delivery_pass=delivery_pass)
        for name in graph.order(tiers)
        if name in wanted and concerns(targets, provider_class(tiers[name].provider))
        for node in tiers[name].nodes
    ]

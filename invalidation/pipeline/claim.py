"""Claiming: pending events become one batch and its deliveries, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connections, transaction
from django.utils import timezone

from invalidation import conf
from invalidation.models import Batch, Delivery, Event, EventStatus, Pass
from invalidation.pipeline import graph
from invalidation.pipeline.coalesce import coalesce
from invalidation.pipeline.plan import concerns
from invalidation.providers.registry import provider_class
from invalidation.values import Lane, Targets


class Contended(Exception):
    """Another drain claimed some of the same events; only databases without SKIP LOCKED see this."""


def claim(database: str, limit: int) -> Batch | None:
    """Merge up to `limit` pending events of the foremost lane into a batch; None where nothing is pending.

    A process that dies inside leaves the events pending, since all of it is one transaction.

    Raises:
        Contended: try again.
    """
    with transaction.atomic(using=database):
        events = _foremost(database, limit)
        if not events:
            return None
        batch = Batch.objects.using(database).create(
            lane=events[0].lane,
            tiers=events[0].tiers,
            targets=coalesce(Targets.from_document(event.targets) for event in events).document(),
            event_count=len(events),
            correlation_id=events[0].correlation_id,
        )
        _take(database, events, batch)
        Delivery.objects.using(database).bulk_create(deliveries(batch))
    return batch


def _foremost(database: str, limit: int) -> Sequence[Event]:
    """The oldest pending events of the first lane that has any; all for the same tiers."""
    pending = Event.objects.using(database).filter(status=EventStatus.PENDING).order_by("id")
    if connections[database].features.has_select_for_update_skip_locked:
        pending = pending.select_for_update(skip_locked=True)
    for lane in Lane.values:
        events = list(pending.filter(lane=lane).only("id", "lane", "tiers", "targets", "correlation_id")[:limit])
        if events:
            return [event for event in events if event.tiers == events[0].tiers]
    return []


def _take(database: str, events: Sequence[Event], batch: Batch) -> None:
    mine = Event.objects.using(database).filter(pk__in=[event.pk for event in events], status=EventStatus.PENDING)
    taken = mine.update(status=EventStatus.CLAIMED, claimed_at=timezone.now(), batch=batch)
    if taken != len(events):
        raise Contended


def deliveries(batch: Batch, delivery_pass: str = Pass.PURGE) -> list[Delivery]:
    """One unsaved delivery per node of every tier that the batch concerns, innermost tiers first."""
    tiers = conf.settings().tiers
    targets = Targets.from_document(batch.targets)
    wanted = set(batch.tiers.split(",")) if batch.tiers else set(tiers)
    return [
        Delivery(batch=batch, tier=name, node=node, delivery_pass=delivery_pass)
        for name in graph.order(tiers)
        if name in wanted and concerns(targets, provider_class(tiers[name].provider))
        for node in tiers[name].nodes
    ]

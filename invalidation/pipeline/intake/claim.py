"""Claiming: pending events become one batch and its deliveries, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from django.db import connections, transaction

from invalidation import conf
from invalidation.conf import graph
from invalidation.models import Batch, Delivery, Pass
from invalidation.pipeline import rebound_schedule
from invalidation.pipeline.intake import backpressure, unreadable
from invalidation.pipeline.planning.plan import concerns
from invalidation.providers.registry import provider_class
from invalidation.rows import events
from invalidation.rows.birth import Birth
from invalidation.rows.pending import Pending, instant, oldest
from invalidation.signals import batch_claimed, tell
from invalidation.targets.coalesce import coalesce
from invalidation.targets.values import Lane, Mode, Targets
from invalidation.targets.variants import Variants, spread


class Contended(Exception):
    """Another drain claimed some of the same events; only databases without SKIP LOCKED see this."""


#: Batch, deliveries, and the newest sequence of earlier batches.
Begin = Callable[[Batch, Sequence[Delivery], int], Any]


class Claimed(NamedTuple):
    """A new batch, and its deliveries."""

    batch: Batch
    rows: Sequence[Delivery]
    left: bool
    """May more be pending than was taken?"""

    begun: Any
    """What was begun with them."""


def claim(
    database: str,
    lanes: Sequence[str] = tuple(Lane.values),
    begin: Begin = lambda *_: None,
) -> Claimed | None:
    """Merge pending events of the first of `lanes` that has any into a batch; None where nothing is pending.

    A process that dies inside leaves the events pending, since all of it is one transaction. `begin` is called with
    the batch, its deliveries and the newest sequence of earlier batches (0 for none) once they are certain: where the
    database locks the events, before they are stored, so that what it sets going needn't wait for that, and must not
    touch the database.

    Raises:
        Contended: try again.
    """
    with transaction.atomic(using=database):
        while True:
            found, waiting = _claimable(database, lanes)
            if not found:
                return None
            if read := unreadable.buried(database, _alike(found, waiting)):
                break
        batch, mine = _merged(database, read, waiting)
        tell(batch_claimed, "batch_receiver_failed", database=database, batch=batch, merged=mine)
        rows = new_deliveries(batch)
        batch.rebound_at = rebound_schedule.of_running(batch.created_at, (row.tier for row in rows))
        birth = Birth(database, batch, rows)  # before others write to them
        if early := connections[database].features.has_select_for_update_skip_locked:
            begun = begin(batch, rows, mine[0].remembered or 0)
        birth.store()
        if events.claim(database, [event.pk for event in mine], batch) != len(mine):
            raise Contended
    left = len(mine) < len(found) or len(found) >= waiting.claim_limit
    return Claimed(batch, rows, left, begun if early else begin(batch, rows, mine[0].remembered or 0))


def _claimable(database: str, lanes: Sequence[str]) -> tuple[Sequence[Pending], backpressure.Backlog]:
    """As many of the oldest pending events as the backlog allows: that is only known once a small claim is full."""
    limit = max(backpressure.backlogs.known(database, lane).claim_limit for lane in lanes)
    found = _foremost(database, lanes, limit)
    if not found:
        return (), backpressure.Backlog()
    lane = found[0].lane
    seen = sum(event.lane == lane for event in found)
    known = backpressure.backlogs.known(database, lane)
    waiting = backpressure.backlogs.read(database, lane, seen=min(seen, known.claim_limit))
    if waiting.claim_limit > seen == limit:
        found = oldest(database, [lane], waiting.claim_limit)
    return found, waiting


def _foremost(database: str, lanes: Sequence[str], limit: int) -> Sequence[Pending]:
    """Pending events of the first of `lanes` that has any, in one look where their order is that of the index."""
    if list(lanes) == sorted(lanes, reverse=True):
        return oldest(database, lanes, limit)
    looks = (oldest(database, [lane], limit) for lane in lanes)
    return next((found for found in looks if found), ())


def _alike(found: Sequence[Pending], waiting: backpressure.Backlog) -> Sequence[Pending]:
    """The events that may share a batch with the first one."""
    first = found[0]
    wanted = (first.lane, first.mode, first.tiers)
    alike = [event for event in found if (event.lane, event.mode, event.tiers) == wanted]
    return alike[: waiting.claim_limit]


def _merged(
    database: str, read: Sequence[tuple[Pending, Targets]], waiting: backpressure.Backlog
) -> tuple[Batch, Sequence[Pending]]:
    """A batch, and the events that it is made of."""
    fitting = _fitting([targets for _, targets in read])
    taken = [event for event, _ in read[: len(fitting)]]
    merged = batched(fitting)
    batch = Batch(
        lane=taken[0].lane if taken[0].lane in Lane.values else Lane.EDITORIAL,
        mode=taken[0].mode if taken[0].mode in Mode.values else Mode.DELETE,
        tiers=taken[0].tiers,
        targets=merged.document(),
        event_count=len(taken),
        recorded_at=instant(database, taken[0].created_at),
        backlog=waiting.depth,
        widening=waiting.widening,
        correlation_id=taken[0].correlation_id,
    )
    batch.merged = merged  # it need not be read again
    batch.wants_refresh = bool(conf.settings().refreshing(batch.tier_names, batch.manner))
    return batch, taken


def batched(many: Sequence[Targets]) -> Targets:
    """Their targets as one batch has them: merged, and with the declared variants of their URLs."""
    settings = conf.settings()
    declared = Variants(
        settings.pages.language_prefixes, settings.pages.trailing_slash_twins, settings.pages.query_variants
    )
    merged = coalesce(many)
    return coalesce([spread(merged, declared)]) if declared else merged


def _fitting(many: Sequence[Targets]) -> list[Targets]:
    """The first events, as many as stay within the limit of a batch, and at least one."""
    room = conf.settings().backlog.batch_targets_limit
    fitting: list[Targets] = []
    for targets in many:
        room -= len(targets)
        if fitting and room < 0:
            break
        fitting.append(targets)
    return fitting


def new_deliveries(batch: Batch, delivery_pass: str = Pass.PURGE) -> list[Delivery]:
    """One unsaved delivery per node of every tier that the batch concerns, innermost tiers first."""
    tiers = conf.settings().tiers
    targets = batch.merged
    wanted = set(batch.tier_names or tiers)
    return [
        Delivery(batch=batch, tier=name, node=node, delivery_pass=delivery_pass)
        for name in graph.order(tiers)
        if name in wanted and concerns(targets, provider_class(tiers[name].provider))
        for node in tiers[name].nodes
    ]

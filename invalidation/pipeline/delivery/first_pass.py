"""Carries a new batch through the tiers of this process, from the inside out, without a message in between.

Its deliveries stay as they were stored until the end: whoever finds them after this process died starts anew, which
is harmless. What is slow, fails, or belongs to other workers becomes a delivery with a message of its own.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial

from django.utils import timezone

from invalidation import conf, lazy
from invalidation.conf import graph
from invalidation.freshness.clients import UNAVAILABLE
from invalidation.models import Batch, BatchStatus, Delivery, DeliveryStatus
from invalidation.pipeline import completion, dispatch
from invalidation.pipeline.delivery import deliver, fan_out, lease, settle
from invalidation.pipeline.delivery.breaker import guarded, noted, troubled
from invalidation.pipeline.delivery.calls import Turn
from invalidation.pipeline.delivery.fan_out import Job
from invalidation.pipeline.delivery.slowness import slowness
from invalidation.pipeline.delivery.stamp import draw
from invalidation.pipeline.outcome import Outcome
from invalidation.pipeline.planning.plan import Step, merged
from invalidation.rows import deliveries
from invalidation.rows.states import Action
from invalidation.signals import batch_released, batch_settled, tell
from invalidation.targets.values import CachePlace, Lane

logger = lazy.Logger(__name__)

PURGED = DeliveryStatus.PURGED
Guard = Callable[[str, str, Callable[[], Outcome]], Outcome]


@dataclass(slots=True)
class Load:
    """A batch on its way: its deliveries, and what was asked of nodes."""

    batch: Batch
    rows: Sequence[Delivery]
    jobs: dict[CachePlace, Job] = field(default_factory=dict)
    """By the delivery's place."""

    calls: dict[CachePlace, list[dict[str, object]]] = field(default_factory=dict)
    """What was planned for it."""

    rounds: list[frozenset[str]] = field(default_factory=list)
    """Tiers to purge again, the innermost first, each when nothing old is on its way to it any more."""

    passed_at: float = field(default_factory=time.monotonic)
    """Reading of the monotonic clock when the last purge had ended."""

    @property
    def made(self) -> list[Delivery]:
        """Deliveries that somebody in this process has begun."""
        return [row for row in self.rows if row.place in self.jobs]

    @property
    def due_at(self) -> float:
        """When its next round may begin, or its end, by the monotonic clock."""
        return self.passed_at + (completion.transfer_seconds(self.made) if self.rounds else 0.0)


def unmetered(names: Iterable[str]) -> frozenset[str]:
    """Of these tiers those whose nodes are asked at once: no account's quota or price stands in between."""
    tiers = conf.settings().tiers
    return frozenset(name for name in names if name in tiers and not completion.is_metered(name, tiers[name].nodes[0]))


def begin(batch: Batch, rows: Sequence[Delivery], remembered: int, inline_tiers: Collection[str]) -> Future[Load]:
    """The batch's number and its first pass, by a helper; the caller may store the batch meanwhile."""
    return fan_out.pool.submit(copy_context().run, _numbered, batch, rows, remembered, inline_tiers)


def _numbered(batch: Batch, rows: Sequence[Delivery], remembered: int, inline_tiers: Collection[str]) -> Load:
    draw(batch, remembered=remembered)
    return first_pass(batch, rows, inline_tiers)


def first_pass(batch: Batch, rows: Sequence[Delivery], inline_tiers: Collection[str]) -> Load:
    """Purge tier after tier, as far as `inline_tiers` go and nothing holds them up. Touches no database."""
    load = Load(batch, rows)
    guards = _guards([row for row in load.rows if row.tier in inline_tiers])
    while level := list(_level(load, inline_tiers)):
        for row in level:
            load.jobs[row.place] = Job(row.place, partial(_asked, load, row, guards[row.place]))
            deliveries.leased(row, timezone.now())
        fan_out.work([load.jobs[row.place] for row in level])
        for row in level:
            _note(load, row)
            _pass_by(load, row)
        if values := [row for row in level if row.status == PURGED and not completion.holds_responses(row.tier)]:
            draw(batch)
            for row in values:
                row.completed_at = timezone.now()
    load.rounds = _rounds(load)
    load.passed_at = time.monotonic()
    return load


def _level(load: Load, inline_tiers: Collection[str]) -> Iterator[Delivery]:
    for row in dispatch.startable(load.rows):
        slow = slowness.holds(row.place) and load.batch.lane != Lane.TAKEDOWN
        if row.tier in inline_tiers and row.place not in load.jobs and not slow:
            yield row


def _guards(rows: Sequence[Delivery]) -> dict[CachePlace, Guard]:
    """How to call each node: through its breaker only where it has failed lately."""
    places = [row.place for row in rows]
    try:
        failing = troubled(places)
    except UNAVAILABLE:
        failing = set()
    return {place: guarded if place in failing else noted for place in places}


def _asked(load: Load, row: Delivery, guard: Guard) -> Outcome:
    """By a helper: plan and call. It touches no database, for its connection would stay open."""

    def run() -> Outcome:
        node = deliver.prepared(row)
        load.calls[row.place] = list(row.steps or ())
        return guard(row.tier, row.node, Turn(row, node, keep=None).run) if row.steps else Outcome(Action.PROVE)

    return deliver.concluded(row, run)


def _note(load: Load, row: Delivery) -> None:
    """Put the end of a job into its row, unless it has none yet; one that was passed by is late, whenever it ends."""
    job = load.jobs[row.place]
    if row.status == DeliveryStatus.RUNNING and row.attempted_at is None and (outcome := job.result()):
        deliveries.tell(row, lease.ended(row, outcome, job.milliseconds))


def _pass_by(load: Load, row: Delivery) -> None:
    """A takedown goes on outwards while a slow node is still being asked; what that proves late is repeated outside."""
    if row.status == DeliveryStatus.RUNNING and load.batch.lane == Lane.TAKEDOWN:
        row.attempted_at = timezone.now()


def _rounds(load: Load) -> list[frozenset[str]]:
    """What is to be purged again of what was purged: by how many caches of pages lie inside."""
    purged = {row.tier for row in load.made if row.status == PURGED and completion.holds_responses(row.tier)}
    by_depth: defaultdict[int, set[str]] = defaultdict(set)
    for tier in purged if conf.settings().freshness.transfer_seconds else ():
        by_depth[len(purged & graph.inner(conf.settings().tiers, tier))].add(tier)
    return [frozenset(by_depth[depth]) for depth in sorted(by_depth)]


def go_round(loads: Sequence[Load]) -> None:
    """Purge again the next tiers of each load, at each node what all of them had for it together."""
    names = {id(load): load.rounds.pop(0) for load in loads if load.rounds}
    for tier in graph.order(conf.settings().tiers):
        _again([(load, row) for load in loads for row in load.made if row.tier == tier in names.get(id(load), ())])
    for load in loads:
        load.passed_at = time.monotonic()


def finish(database: str, loads: Sequence[Load]) -> None:
    """Wait for each round, make it, and end."""
    while left := [load for load in loads if load.rounds]:
        time.sleep(max(0.0, max(load.due_at for load in left) - time.monotonic()))
        go_round(left)
    end(database, loads)


def _again(made: Sequence[tuple[Load, Delivery]]) -> None:
    by_node: dict[str, list[tuple[Load, Delivery]]] = {}
    for load, row in made:
        if row.status == PURGED:
            row.started_at = timezone.now()
            if load.calls.get(row.place):
                by_node.setdefault(row.node, []).append((load, row))
    jobs = {node: _job_again(parts) for node, parts in by_node.items()}
    fan_out.work(list(jobs.values()))
    for node, parts in by_node.items():
        outcome = jobs[node].result() or Outcome(Action.DEFER, error="Slow; goes on by itself.", consumes_attempt=False)
        for load, row in parts:
            if outcome.action is Action.PROVE:
                row.completed_at = timezone.now()
            else:
                row.steps = load.calls[row.place]
                load.jobs[row.place].outcome = outcome
                deliveries.tell(row, lease.ended(row, outcome, row.milliseconds or 0.0))


def _job_again(parts: Sequence[tuple[Load, Delivery]]) -> Job:
    """One turn at the node with the calls of all; it counts for none of them."""
    _, first = parts[0]
    soft = all(deliver.is_soft(row.tier, load.batch.manner) for load, row in parts)
    node = deliver.purger(first.place, first.batch.manner, soft=soft)
    calls = [Step.from_document(document) for load, row in parts for document in load.calls[row.place]]
    shared = Delivery(batch=first.batch, tier=first.tier, node=first.node, attempts=1)
    shared.steps = [step.document() for step in merged(calls, node)]
    turn = Turn(shared, node, keep=None)
    call = partial(noted, first.tier, first.node, turn.run)
    return Job(first.place, partial(deliver.concluded, shared, call))


def end(database: str, loads: Sequence[Load]) -> None:
    """Write what came of these loads, tell the world, and hand out what others have to do."""
    for load in loads:
        for row in load.made:
            _note(load, row)
    try:
        _settle(database, loads)
        ended = loads
    except settle.Overtaken:
        ended = [load for load in loads if _settle_alone(database, load)]
    for load in ended:
        _tell(database, load)


def _settle(database: str, loads: Sequence[Load]) -> None:
    settle.settle(database, [(load.batch, load.made, load.rows) for load in loads])


def _settle_alone(database: str, load: Load) -> bool:
    try:
        _settle(database, [load])
    except settle.Overtaken:
        logger.warning("batch_overtaken", batch=load.batch.pk)
        return False
    return True


def _tell(database: str, load: Load) -> None:
    for row in load.made:
        if row.status == DeliveryStatus.RUNNING:
            load.jobs[row.place].when_late(partial(_end_late, database, row))
        elif outcome := load.jobs[row.place].outcome:
            deliver.report(database, row, outcome)
    dispatch.advance(database, load.batch, load.rows)
    if load.batch.status != BatchStatus.RUNNING:
        tell(batch_settled, "batch_receiver_failed", database=database, batch=load.batch, deliveries=load.rows)
    tell(batch_released, "batch_receiver_failed", database=database, batch=load.batch)


def _end_late(database: str, row: Delivery, job: Job) -> None:
    """By the helper that was held up."""
    try:
        if outcome := job.result():
            deliver.finish(database, row, outcome, milliseconds=job.milliseconds)
    except Exception:  # its lease runs out, and the sweep hands it out again
        logger.exception("late_end_failed", tier=row.tier, node=row.node, delivery=row.pk)

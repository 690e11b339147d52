"""Draining the outbox: claim until nothing is pending, purge here what can be, hand out the rest, end it all."""

from __future__ import annotations

import random
import time
from collections.abc import Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from django.db import OperationalError, connections

from invalidation import conf
from invalidation.models import Batch, Delivery, DeliveryStatus
from invalidation.pipeline.delivery import first_pass
from invalidation.pipeline.delivery.stamp import note_reach
from invalidation.pipeline.intake import backpressure
from invalidation.pipeline.intake.claim import Begin, Claimed, Contended, claim
from invalidation.pipeline.intake.drain_lock import URGENT, Seat, helm
from invalidation.rows import events
from invalidation.rows.states import DEAD_LETTERS
from invalidation.signals import event_recorded, tell
from invalidation.targets.values import CachePlace, Lane, Targets

#: A drain ends after this long and announces what is left: well below every task time limit.
TURN_SECONDS = 20.0
#: Tries against other drains, and the longest pause between two; a claim takes a few milliseconds.
CLAIM_TRIES = 50
CLAIM_PAUSE_SECONDS = 0.02
#: Batches named in a result.
MAX_NAMED = 20
#: What a delivery is that a drain tried in vain.
UNPROVED = frozenset({DeliveryStatus.DEFERRED, DeliveryStatus.FAILED, *DEAD_LETTERS})
#: Batches described in a result.
MAX_DESCRIBED = 3


@dataclass(slots=True)
class Drained:
    """What one drain did; its text is what Flower shows as the task's result."""

    batches: list[int]
    events: int = 0
    purged: list[Targets | None] = field(default_factory=list)
    """Targets of the first batches; None for what can't be read."""
    unproved: list[Delivery] = field(default_factory=list)
    """The first of its deliveries that were put off, failed or refused."""
    proved: dict[CachePlace, None] = field(default_factory=dict)
    """Nodes that proved a purge, in the order in which they did."""

    def add(self, batch: Batch) -> None:
        """One more; its targets are kept as long as somebody would read them."""
        self.batches.append(batch.pk)
        self.events += batch.event_count
        if len(self.purged) < MAX_DESCRIBED:
            self.purged.append(batch.readable)

    def end(self, rows: Sequence[Delivery]) -> None:
        """One is over as far as it could be."""
        room = MAX_NAMED - len(self.unproved)
        self.unproved += [row for row in rows if row.status in UNPROVED][:room]
        self.proved |= dict.fromkeys(row.place for row in rows if row.status == DeliveryStatus.PURGED)

    def __str__(self) -> str:
        return f"{self.events} events in {len(self.batches)} batches {self.batches[:MAX_NAMED]}"


@dataclass(slots=True)
class Pace:
    """What this process remembers from one drain to the next."""

    batches: int = 0
    """Claimed so far; decides whose turn it is."""


pace = Pace()


def lanes(batches: int, lowest_every: int) -> Sequence[str]:
    """Whom to serve after so many batches: the foremost first, but every so often the lowest first. Pure."""
    lowest_turn = lowest_every > 0 and batches % lowest_every == lowest_every - 1
    return tuple(reversed(Lane.values)) if lowest_turn else tuple(Lane.values)


def drain(
    database: str = "default", *, limit_batches: int = 1000, inline_tiers: Collection[str] = (), lane: str = ""
) -> Drained:
    """Claim until nothing is pending or the turn is over; purge `inline_tiers` here, and hand out the others.

    While workers can't keep up only takedowns are claimed, until the other events are old enough for the sweep. With
    another drain at it in this process there is nothing to do, for it was told, unless a takedown has sent this one:
    that is the `lane`, and waits for no other.
    """
    drained = Drained([])
    if seat := helm.take(database, lane):
        try:
            _Turn(database, seat, first_pass.unmetered(inline_tiers), drained, limit_batches).run()
        finally:
            helm.leave(database, seat, anyway=True)
    return drained


class _Turn:
    """What one drain does: claims, purges, and ends batches together once nothing old can be under way any more."""

    def __init__(self, database: str, seat: Seat, inline_tiers: Collection[str], drained: Drained, limit: int) -> None:
        self.database, self.seat, self.inline_tiers, self.drained, self.limit = (
            database,
            seat,
            inline_tiers,
            drained,
            limit,
        )
        self.loads: list[first_pass.Load] = []
        self.started = self.claimed_at = time.monotonic()
        self.linger_seconds = 0.0

    def run(self) -> None:
        """Until there is nothing to do, or the turn is over."""
        more = True
        while self.loads or not self._is_over:
            more = more and not self._is_over and self._claim_one()
            self._end_ready()
            more = more or self._is_called()
            if not more and not self.loads and helm.leave(self.database, self.seat):
                return
        announce_rest(self.database)

    @property
    def _is_over(self) -> bool:
        late = time.monotonic() - self.started > TURN_SECONDS and self.drained.batches
        return bool(late) or len(self.drained.batches) >= self.limit

    def _claim_one(self) -> bool:
        """Make a batch of what is pending; may there be more?"""
        self.claimed_at = time.monotonic()
        claimed = _claim(self.database, self._lanes(), self._begin)
        if claimed is None:
            self.seat.lane = ""
            return False
        self._call_for_help(claimed.batch)
        self.loads.append(claimed.begun.result())
        note_reach(self.database, claimed.batch, claimed.rows)
        self.drained.add(claimed.batch)
        # Events that come faster than they are claimed are left to merge; one that came alone is not kept waiting.
        merges = claimed.batch.event_count > 1
        self.linger_seconds = conf.settings().backlog.linger_milliseconds / 1000 if merges else 0.0
        return claimed.left

    def _begin(self, batch: Batch, rows: Sequence[Delivery], remembered: int) -> Future[first_pass.Load]:
        self.seat.lane = batch.lane
        return first_pass.begin(batch, rows, remembered, self.inline_tiers)

    def _call_for_help(self, batch: Batch) -> None:
        """What came while bulk events were claimed was left to this drain, which is at them now; another sees to it."""
        if batch.lane == Lane.BULK and self.seat.called:
            announce_rest(self.database, lane__in=URGENT)

    def _lanes(self) -> Sequence[str]:
        """Who purges the innermost tiers itself meets no congestion: it claims no faster than they are purged."""
        held = not backpressure.innermost() <= set(self.inline_tiers) and backpressure.holds(self.database)
        wanted = (Lane.TAKEDOWN,) if held else lanes(pace.batches, conf.settings().backlog.lowest_lane_every)
        return [lane for lane in wanted if lane in self.seat.lanes]

    def _end_ready(self) -> None:
        """Go on together with what need not wait, unless the next comes soon; then the pause is that of the oldest."""
        now = time.monotonic()
        ready = [load for load in self.loads if now >= load.due_at]
        held_until = min((load.due_at for load in ready), default=now) + conf.settings().freshness.transfer_seconds
        if ready and (len(ready) == len(self.loads) or now >= held_until):
            first_pass.go_round(ready)
            first_pass.end(self.database, over := [load for load in ready if not load.rounds])
            self.loads = [load for load in self.loads if load not in over]
            for load in over:
                self.drained.end(load.made)
        if self.seat.lane != Lane.BULK:
            self.seat.lane = ""  # during a claim after bulk work another drain sees to what is urgent

    def _is_called(self) -> bool:
        """Are there new events? Where several were claimed together the next are left to merge a little as well."""
        if helm.is_called(self.seat):
            time.sleep(max(0.0, self.claimed_at + self.linger_seconds - time.monotonic()))
            return True
        if not self.loads:
            return False
        next_at = max(load.due_at for load in self.loads)
        return helm.is_called(self.seat, wait_seconds=max(0.0, next_at - time.monotonic()))


def announce_rest(database: str, **old: object) -> bool:
    """Announce one pending event, if there is any, so that another drain goes on."""
    pending = events.pending(database).filter(**old)
    for lane in Lane.values:
        if event := pending.filter(lane=lane).order_by("id").only("uid", "correlation_id").first():
            told = {"uids": [str(event.uid)], "lane": lane, "correlation_id": event.correlation_id}
            tell(event_recorded, "announcement_failed", database=database, **told)
            return True
    return False


def resume(database: str) -> bool:
    """After a delivery: announce the events that were left to merge, once what they were left for has cleared."""
    return backpressure.congestion.has_cleared(database) and announce_rest(database)


def _claim(database: str, wanted: Sequence[str], begin: Begin) -> Claimed | None:
    """Claim from the `wanted` lanes, giving way to a drain that claims the same events at the same time."""
    for _ in range(CLAIM_TRIES):
        try:
            claimed = claim(database, wanted, begin)
        except Contended:
            pass
        except OperationalError as error:
            if not _is_contention(database, error):
                raise
        else:
            pace.batches += claimed is not None
            return claimed
        time.sleep(random.uniform(0, CLAIM_PAUSE_SECONDS))  # noqa: S311
    raise OperationalError(f"Events in {database!r} are contended; the sweep will drain them.")


def _is_contention(database: str, error: OperationalError) -> bool:
    """SQLite refuses a transaction that turns from reading to writing while another writes ("database is locked")."""
    return connections[database].vendor == "sqlite" and "locked" in str(error)

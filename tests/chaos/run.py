"""One run: faults, then Redis frozen alone, then hostile nodes alone, then peace, then the comparison."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from dataclasses import dataclass, field

import redis
from django.db import close_old_connections
from django.db.models import Count
from django.utils import timezone

from deploy.local import ServiceFailed, wait_for
from invalidation.exceptions import TransientError
from invalidation.models import Batch, BatchStatus, Delivery, Event, EventStatus, Verification
from tests.chaos import journal, judge, site, takedowns
from tests.chaos.faults import STAND_INS, faults
from tests.chaos.options import Options
from tests.chaos.recorder import Record
from tests.chaos.strike import Strikes
from tests.chaos.takedowns import Takedowns
from tests.chaos.traffic import Traffic, page
from tests.chaos.world import World

#: Before and between the times that Redis is frozen alone: the processes find it again.
THAWED_SECONDS = 6.0
#: Longest wait for an empty backlog: on a busy machine that takes minutes, and Celery returns after two what it lost.
PEACE_SECONDS = 900.0
#: Longest that a copy may outlive the last purge: one rendered while Redis was away has a short life.
DEGRADED_SECONDS = 15.0


@dataclass(slots=True)
class Frozen:
    """Saves while Redis was frozen and nothing else was wrong."""

    windows: list[tuple[float, float]] = field(default_factory=list)
    save_seconds: list[float] = field(default_factory=list)
    """Of each transaction with its commit hooks."""
    request_seconds: list[float] = field(default_factory=list)
    """Of each request that changed something."""
    failures: Counter[str] = field(default_factory=Counter)

    def holds(self, at: float) -> bool:
        """Was Redis frozen then?"""
        return any(start <= at <= end for start, end in self.windows)


@dataclass(slots=True)
class Outcome:
    """All that is to be told of a run."""

    options: Options
    strikes: Strikes
    verdict: judge.Verdict
    frozen: Frozen
    takedowns: Takedowns
    secrets_told: int
    """Deliveries that repeat the purge secret."""
    changes: Counter[str]
    """Changes that were begun, by what came of them."""
    peace_seconds: float
    left: str
    """What was still under way when patience ended; empty if nothing was."""
    stale_pages: list[str]
    rows: dict[str, int]
    """Events, deliveries and verifications, by status."""


def carry_out(options: Options, world: World) -> Outcome:
    """All of it."""
    strikes = Strikes(world)
    with world, Traffic(world, options.writes_per_second / 4) as traffic:
        world.launch_writers()
        strikes.run(faults(options.seed, options.seconds, list(world.services)), options.seconds)
        strikes.heal()
        frozen = Frozen(_freeze_redis(options, strikes))
        taken_down = takedowns.carry_out(strikes, options.hostile_seconds)
        world.stop_writers()
        traffic.only_read()
        started = time.monotonic()
        left = _wait_for_peace(strikes)
        peace_seconds = time.monotonic() - started
        _add_latencies(frozen, traffic)
        takedowns.measure(taken_down)
        records = {_place(name, world): Record.read(world.place.log_of(name)) for name in STAND_INS}
        verdict = judge.judge(judge.ledger(), records)
        stale = _stale_pages(world)
        told = takedowns.secrets_told()
        rest = (_changes(), peace_seconds, left, stale, _rows())
        return Outcome(options, strikes, verdict, frozen, taken_down, told, *rest)


def _place(stand_in: str, world: World) -> tuple[str, str]:
    return stand_in.partition("-")[0], world.place.node_of(stand_in)


def _freeze_redis(options: Options, strikes: Strikes) -> list[tuple[float, float]]:
    """Freeze Redis alone a few times; when that was, in seconds since 1970."""
    windows = []
    strikes.run((), THAWED_SECONDS)
    for _ in range(options.frozen_times):
        strikes.world.place.redis.freeze()
        begun = journal.now()
        strikes.run((), options.frozen_seconds)
        windows.append((begun, journal.now()))
        strikes.world.place.redis.thaw()
        strikes.run((), THAWED_SECONDS)
    return windows


def _add_latencies(frozen: Frozen, traffic: Traffic) -> None:
    for entry in journal.read(site.folder()):
        if entry.outcome and frozen.holds(entry.started_at):
            frozen.save_seconds.append(entry.seconds)
            if entry.outcome not in {"committed", "rolled back"}:
                frozen.failures[entry.outcome] += 1
    for request in traffic.requests:
        if frozen.holds(request.started_at):
            frozen.request_seconds.append(request.seconds)
            if request.status != 200:
                frozen.failures[f"status {request.status}"] += 1


def _wait_for_peace(strikes: Strikes) -> str:
    """Until nothing is under way; what still is when patience ends."""

    def quiet() -> bool:
        strikes.tend()
        return not _under_way(strikes.world)

    with contextlib.suppress(ServiceFailed):
        wait_for(quiet, PEACE_SECONDS, "the backlog to be empty")
    return _under_way(strikes.world)


def _under_way(world: World) -> str:
    """In words; empty for nothing."""
    time.sleep(0.5)  # asked for while workers are at it
    close_old_connections()
    numbers = {
        "events": Event.objects.filter(status__in=(EventStatus.PENDING, EventStatus.CLAIMED)).count(),
        "batches": Batch.objects.filter(status=BatchStatus.RUNNING).count(),
        "rebounds": Batch.objects.filter(rebound_at__isnull=False, rebounded_at=None).count(),
        "messages": _messages(world) if site.is_naive() else 0,
    }
    return ", ".join(f"{number} {name}" for name, number in numbers.items() if number)


def _messages(world: World) -> int:
    """On the queue, or taken and not acknowledged: all that a baseline without an outbox can wait for."""
    client = redis.Redis(port=world.place.redis.port, socket_timeout=2)
    return int(client.llen("invalidation.events")) + int(client.hlen("unacked"))


def _changes() -> Counter[str]:
    """Changes that were begun, by what came of them."""
    ends: dict[str, str] = {}
    for entry in journal.read(site.folder()):
        ends[entry.token] = entry.outcome or ends.get(entry.token, "killed at it")
    return Counter(ends.values())


def _stale_pages(world: World) -> list[str]:
    """Pages that the real proxies still serve in an older version; copies with a short life are given that time."""
    deadline = time.monotonic() + DEGRADED_SECONDS
    fresh = judge.pages()
    waiting = [(node, path) for node in (world.place.varnish.url, world.place.nginx.url) for path in fresh]
    while waiting and time.monotonic() < deadline:
        waiting = [(node, path) for node, path in waiting if _shown(node, path) != fresh[path]]
    return [f"{node}{path}: {_shown(node, path)}, not {fresh[path]}" for node, path in waiting]


def _shown(node: str, path: str) -> str:
    try:
        return page(node, path)
    except TransientError as error:
        return str(error)


def _rows() -> dict[str, int]:
    counts: dict[str, int] = {}
    for model in (Event, Delivery):
        found = model.objects.values_list("status").annotate(Count("pk")).order_by("status")
        counts |= {f"{model._meta.verbose_name_plural} {status}": number for status, number in found}
    verified = Verification.objects.filter(checked_at__lte=timezone.now())
    return counts | {"pages verified": verified.count(), "found stale": verified.filter(stale=True).count()}

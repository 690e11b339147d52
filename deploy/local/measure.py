"""Runs one step of the story against every tier, and times each from stale over purged to fresh."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from django.conf import settings
from django.db.models import Max

from deploy.local.processes import ServiceFailed, wait_for
from deploy.local.stack import Stack
from deploy.local.story import Step
from deploy.local.tiers import HttpTier, RedisTier, Tier
from invalidation.models import Delivery, Event, EventStatus, Pass

WARM_SECONDS = 10
FRESH_SECONDS = 10
#: Watching costs processor time, which two processors then lack for purging and rendering.
WATCH_SECONDS = 0.03
#: Source of the events by which verification purges again what it found stale; no change of the story records any.
VERIFICATION = "verify"


@dataclass(frozen=True, slots=True)
class Row:
    """One tier's way through one step; both times count from the moment when the change's first event was stored."""

    step: str
    tier: str
    stale: str
    purged_milliseconds: float
    fresh_milliseconds: float | None
    """None: it was new before that, because the second pass of an earlier step had emptied it after the row changed."""


def tiers_of(stack: Stack, step: Step) -> Iterator[Tier]:
    """The tiers that hold something the step makes stale, from the inside out."""
    if step.entry:
        web = HttpTier("web", stack.web_url, "", stack.site_url, ())
        yield RedisTier("cache", settings.CACHE_REDIS_URL, step.entry, web)
    if stack.varnish:
        yield HttpTier("varnish", stack.varnish.url, "X-Cache", stack.site_url, step.pages)
    if stack.nginx:
        yield HttpTier("nginx", stack.nginx.url, "X-Cache-Status", stack.site_url, step.pages)
    if stack.edge_url:
        yield HttpTier("cloudflare", stack.edge_url, "CF-Cache-Status", stack.site_url, step.pages)


def watch(tier: Tier, look: Callable[[], bool], patience_seconds: float = FRESH_SECONDS) -> datetime:
    """From when on whoever asks the tier gets the new content, however long the application takes to render it.

    Raises:
        ServiceFailed: nobody does in time.
    """
    deadline = time.monotonic() + patience_seconds
    asked_at = datetime.now(UTC)
    while not look():
        if time.monotonic() > deadline:
            raise ServiceFailed(f"{tier.name} still serves the old copy after {patience_seconds} s.")
        time.sleep(WATCH_SECONDS)
        asked_at = datetime.now(UTC)
    return asked_at


def run(stack: Stack, step: Step) -> list[Row]:
    """Warm every tier, make the change, watch each tier become fresh.

    Raises:
        ServiceFailed: a tier did not serve the old copy before, or not the new one after, or proved no purge.
    """
    tiers = _warmed(stack, step)
    warm_at = wait_for(partial(_all_warm, tiers), WARM_SECONDS, "every tier to serve the old copy at once")
    step.behind()
    for tier in tiers:
        if not tier.warm():
            healed = f"{tier.name} to have been purged for an earlier step: it lost the old copy"
            wait_for(partial(_purged_since, tier.name, warm_at or datetime.now(UTC)), FRESH_SECONDS, healed)
    newest = _newest()
    watched = [(tier, look) for tier in tiers for look in tier.looks()]
    patience = FRESH_SECONDS + step.lasts_seconds
    with ThreadPoolExecutor(max(1, len(watched))) as pool:
        watching = [(tier.name, pool.submit(watch, tier, look, patience)) for tier, look in watched]
        step.change()
        seen = [(name, future.result()) for name, future in watching]
    fresh = {tier.name: max(moment for name, moment in seen if name == tier.name) for tier in tiers}
    events = wait_for(lambda: _done(newest), FRESH_SECONDS, "the events to be done")
    return [_row(step, tier, fresh[tier.name], events) for tier in tiers]


def run_unwatched(stack: Stack, step: Step) -> list[Row]:
    """Make the change while nobody asks for anything; the tiers are looked at after they say that they are done.

    Raises:
        ServiceFailed: as `run`.
    """
    tiers, newest = _warmed(stack, step), _newest()
    step.change()
    events = wait_for(lambda: _done(newest), FRESH_SECONDS, "the events to be done")
    if stale := [tier.name for tier in tiers if tier.is_stale()]:
        raise ServiceFailed(f"{stale} still serve the old copy, though every purge was proved.")
    return [_row(step, tier, None, events) for tier in tiers]


def _warmed(stack: Stack, step: Step) -> list[Tier]:
    tiers = list(tiers_of(stack, step))
    for tier in tiers:
        wait_for(tier.warm, WARM_SECONDS, f"{tier.name} to serve the old copy from its store")
    return tiers


def _all_warm(tiers: list[Tier]) -> datetime | None:
    """Since when they are; the second pass of an earlier step may have emptied one meanwhile."""
    since = datetime.now(UTC)
    return since if all(tier.warm() for tier in tiers) else None


def _purged_since(tier: str, since: datetime) -> bool:
    """Has the second pass of an earlier step emptied it since then?"""
    return Delivery.objects.filter(tier=tier, completed_at__gte=since).exists()


def _newest() -> int:
    return Event.objects.aggregate(newest=Max("pk"))["newest"] or 0


def _done(newest: int) -> list[Event]:
    """The change's own events after `newest`, once all of them are done."""
    events = list(Event.objects.filter(pk__gt=newest).exclude(source=VERIFICATION))
    return events if all(event.status == EventStatus.DONE for event in events) else []


def _row(step: Step, tier: Tier, fresh_at: datetime | None, events: list[Event]) -> Row:
    recorded_at = min(event.created_at for event in events)
    deliveries = Delivery.objects.filter(batch__events__in=events, tier=tier.name, delivery_pass=Pass.PURGE)
    purged_at = deliveries.aggregate(last=Max("completed_at"))["last"]
    if purged_at is None:
        raise ServiceFailed(f"No delivery says that {tier.name} was purged.")
    fresh = _milliseconds(recorded_at, fresh_at) if fresh_at and fresh_at >= recorded_at else None
    return Row(step.title, tier.name, tier.proof_of_stale, _milliseconds(recorded_at, purged_at), fresh)


def _milliseconds(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds() * 1000

"""`invalidate`: for code and people that know better than signals."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings as django_settings
from django.core.exceptions import SynchronousOnlyOperation
from django.utils import timezone

from invalidation import conf, context
from invalidation.exceptions import InvalidTarget
from invalidation.models import Event, ScheduledEvent
from invalidation.pipeline import outbox
from invalidation.rows import instants
from invalidation.targets import sites
from invalidation.targets.values import CacheKey, Lane, Manner, Source, Targets, legible


def invalidate(
    *,
    tags: Iterable[str] = (),
    urls: Iterable[str] = (),
    prefixes: Iterable[str] = (),
    keys: Iterable[str | CacheKey | Mapping[str, Any]] = (),
    everything: bool = False,
    tiers: Iterable[str] | None = None,
    lane: str = Lane.EDITORIAL,
    reason: str = "",
    using: str = "default",
    source: str = Source.CODE,
    actor: str | None = None,
    mode: str | None = None,
    at: datetime | None = None,
) -> Event | None:
    """Store an invalidation in the open transaction of the database `using`, or at once where none is open.

    With `mode="refresh"` the pages that go are fetched again from the inside out, as far as caches are known to hold
    them, so that the first visitor meets a copy. With `mode="invalidate"` the outermost tier shows its old copy once
    more while it fetches a new one, where its product can. Without a mode `BACKLOG["MODES"]` says it for the lane, else
    it is `"delete"`; a tier's own `MODE` has the last word there.

    `suspend()` does not silence it. Returns the stored event, whose `uid` names it everywhere; None, and does nothing,
    where no target is named: a computed list may be empty. With `at`, an instant to come, it is stored for then: the
    event that is returned isn't stored yet, and will have the same `uid`.

    Raises:
        InvalidTarget: a tag, URL, prefix, key, tier, lane, mode or source can't be used.
        SynchronousOnlyOperation: called in a coroutine.
    """
    if _in_coroutine():
        raise SynchronousOnlyOperation("invalidate() waits for the database: await invalidation.ainvalidate(…) here.")
    chosen = sorted(set(tiers or ()))
    if not (targets := Targets.of(tags=tags, urls=urls, prefixes=prefixes, keys=keys, everything=everything)):
        return None
    check(targets, chosen)
    manner = conf.settings().manner(lane, mode)
    manner.check()
    how: dict[str, Any] = {
        "using": using,
        "source": _source(source),
        "actor": context.actor() if actor is None else actor,
        "reason": reason,
        "manner": manner,
        "tiers": ",".join(chosen),
    }
    if at is not None and _aware(at) > timezone.now():
        return _scheduled(targets, _aware(at), **how)
    return outbox.record(targets, **how)


def _aware(at: datetime) -> datetime:
    if django_settings.USE_TZ and timezone.is_naive(at):
        raise InvalidTarget(
            f"at={at!r} has no time zone: give an aware datetime, such as timezone.now() + timedelta(…)."
        )
    return at


def _scheduled(targets: Targets, due_at: datetime, *, using: str, reason: str, manner: Manner, **how: Any) -> Event:
    outboxes = conf.settings().databases
    cause = {"correlation_id": context.correlation_id(), "traceparent": context.traceparent()}
    common = {"reason": legible(reason)[:255], **manner._asdict(), **cause, **how}
    scheduled = ScheduledEvent(due_at=due_at, targets=targets.document(), **common)
    instants.insert(using if using in outboxes else outboxes[0], [scheduled])
    return Event(uid=scheduled.uid, created_at=scheduled.created_at, targets=scheduled.targets, **common)


async def ainvalidate(**what: Any) -> Event | None:
    """As `invalidate`, for coroutines."""
    return await sync_to_async(invalidate)(**what)


def _in_coroutine() -> bool:
    """As Django judges it (`async_unsafe`)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return not os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")


def stored(event: Event | None) -> Event:
    """For those who have asked for something, and checked that they did."""
    if event is None:
        raise InvalidTarget("Nothing to invalidate: give tags, urls, prefixes, keys, or everything=True.")
    return event


def check(targets: Targets, tiers: Collection[str] | None = None) -> None:
    """What `invalidate` checks before it stores anything; also for those who only ask for a plan.

    Raises:
        InvalidTarget: nothing is asked for, a URL or prefix is on no configured site, or a tier is unknown.
    """
    if not targets:
        raise InvalidTarget("Nothing to invalidate: give tags, urls, prefixes, keys, or everything=True.")
    for url in targets.urls | targets.prefixes:
        sites.expand(url, conf.settings().sites)
    if unknown := set(tiers or ()) - set(conf.settings().tiers):
        raise InvalidTarget(f"Unknown tiers {sorted(unknown)}; configured are {sorted(conf.settings().tiers)}.")


def _source(name: str) -> str:
    if name not in Source.values:
        raise InvalidTarget(f"{name!r} is not a source; use one of {', '.join(Source.values)}.")
    return str(name)

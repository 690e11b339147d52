"""`invalidate`: for code and people that know better than signals."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from invalidation import conf, context
from invalidation.exceptions import InvalidTarget
from invalidation.models import Event
from invalidation.pipeline import outbox, sites
from invalidation.values import CacheKey, Lane, Targets


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
    source: str = "code",
    actor: str | None = None,
) -> Event:
    """Store an invalidation in the open transaction of the database `using`, or at once where none is open.

    `suspend()` does not silence it. Returns the stored event, whose `uid` names it everywhere.

    Raises:
        InvalidTarget: nothing is asked for, or a tag, URL, prefix, key, tier or lane can't be used.
    """
    targets = Targets.of(tags=tags, urls=urls, prefixes=prefixes, keys=keys, everything=everything)
    chosen = sorted(set(tiers or ()))
    check(targets, chosen)
    return outbox.record(
        targets,
        using=using,
        source=source,
        actor=context.actor() if actor is None else actor,
        reason=reason,
        lane=_checked_lane(lane),
        tiers=",".join(chosen),
    )


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


def _checked_lane(lane: str) -> str:
    if lane not in Lane.values:
        raise InvalidTarget(f"{lane!r} is not a lane; use one of {', '.join(Lane.values)}.")
    return str(lane)

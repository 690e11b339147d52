"""`invalidate`: for code and people that know better than signals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
    if not targets:
        raise InvalidTarget("Nothing to invalidate: give tags, urls, prefixes, keys, or everything=True.")
    for url in targets.urls | targets.prefixes:
        sites.expand(url, conf.settings().sites)
    return outbox.record(
        targets,
        using=using,
        source=source,
        actor=context.actor() if actor is None else actor,
        reason=reason,
        lane=_checked_lane(lane),
        tiers=_checked_tiers(tiers),
    )


def _checked_lane(lane: str) -> str:
    if lane not in Lane.values:
        raise InvalidTarget(f"{lane!r} is not a lane; use one of {', '.join(Lane.values)}.")
    return str(lane)


def _checked_tiers(tiers: Iterable[str] | None) -> str:
    """The tiers as they are stored: sorted and comma-separated, "" for all."""
    asked, known = set(tiers or ()), conf.settings().tiers
    if unknown := asked - set(known):
        raise InvalidTarget(f"Unknown tiers {sorted(unknown)}; configured are {sorted(known)}.")
    return ",".join(sorted(asked))

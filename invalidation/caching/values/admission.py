"""May a value be stored? Only what nothing that it shows was invalidated under since its unit of work began."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType

from django.core.cache import BaseCache
from django.core.cache.backends.locmem import LocMemCache

from invalidation.caching.values.entry import Stamps, made_at
from invalidation.caching.values.reads import Reads
from invalidation.freshness import sequence, unit_of_work, untouched
from invalidation.freshness.clients import UNAVAILABLE
from invalidation.freshness.redis_pause import redis_pause
from invalidation.freshness.sequence import KeysToRemove
from invalidation.freshness.unit_of_work import Beginning

#: Clocks of machines that keep time differ by less.
SKEW_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class MadeOf:
    """What makes a value stale: versions of tags in its own cache, and in other caches."""

    stamps: Stamps
    others: Mapping[str, Stamps]


def joined(alias: str, stamps: Stamps, seen: Reads) -> MadeOf | None:
    """The stamps of a value and of those that it is made of; None where they contradict each other. Pure."""
    inner = seen.stamps.get(alias, {})
    if seen.is_spoilt or any(stamps.get(tag, version) != version for tag, version in inner.items()):
        return None
    return MadeOf(
        {**inner, **stamps}, {other: inner_stamps for other, inner_stamps in seen.stamps.items() if other != alias}
    )


def is_admitted(cache: BaseCache, stamps: Stamps) -> bool:
    """Was none of the tags invalidated since the present unit of work began? To be asked once the stamps are known.

    In this order an invalidation in between is noticed either here or by the stamps: it sets its own first, and removes
    the versions after that. Where the freshness Redis can't tell, because there is none, it is away, or the unit is
    older than what it remembers, every version must have been made before the unit began, by the clocks of whoever made
    them: so a value isn't stored by the first that meets a tag, but by the next.
    """
    begun = unit_of_work.current()
    known = untouched.is_untouched(stamps, begun)
    return _are_older(cache, stamps, begun) if known is None else known


def is_hopeless(cache: BaseCache, stamps: Stamps) -> bool:
    """Can it be said without asking anybody that the present unit of work may store nothing with these stamps?"""
    begun = unit_of_work.current()
    return not untouched.may_be_known(begun) and not _are_older(cache, stamps, begun)


def _are_older(cache: BaseCache, stamps: Stamps, begun: Beginning) -> bool:
    skew_seconds = 0.0 if isinstance(cache, LocMemCache) else SKEW_SECONDS
    return all(made_at(version) + skew_seconds <= begun.clock for version in stamps.values())


def stamp(tags: Iterable[str], keys_to_remove: KeysToRemove = MappingProxyType({})) -> None:
    """Let no unit of work store values with these tags that began before now, and remove these keys.

    One bounded round trip, and none while Redis is away.
    """
    with suppress(*UNAVAILABLE):
        redis_pause.ask(lambda server: sequence.advance(server, tags, keys_to_remove))

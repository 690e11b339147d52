"""How each node of each tier does: is it up, when did it last prove a purge, how fast, and what waits for it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ImproperlyConfigured

from invalidation import conf
from invalidation.conf import graph
from invalidation.pipeline.aftercare.sample import percentiles, seconds, succeeded
from invalidation.pipeline.delivery import quota
from invalidation.pipeline.delivery.breaker import breakers
from invalidation.providers.base import Provider
from invalidation.providers.registry import provider
from invalidation.rows import samples
from invalidation.rows.deliveries import Ended
from invalidation.status.overview.causes import Cause, Trouble
from invalidation.targets.values import CachePlace


@dataclass(frozen=True, slots=True)
class Calls:
    """What is left of one quota of an account."""

    bucket: str
    left: int
    paused_seconds: float


@dataclass(frozen=True, slots=True)
class Node:
    """One node, or a tier that has none of its own."""

    place: CachePlace
    product: str
    fills_from: Sequence[str]
    breaker: str
    """`closed`, `open`, `half-open`, or `unknown` while Redis is away."""

    succeeded_at: datetime | None
    cause: Cause | None
    """The newest reason for which it failed."""

    p50_seconds: float | None
    p95_seconds: float | None
    waiting: int
    dead: int
    calls: Sequence[Calls]

    @property
    def state(self) -> str:
        """One word for what to think of it."""
        if self.breaker not in ("closed", "unknown"):
            return "left alone"
        if self.cause and self.cause.tried_at and (not self.succeeded_at or self.cause.tried_at > self.succeeded_at):
            return "failing"
        return "up" if self.succeeded_at else "not asked yet"

    @property
    def well(self) -> bool:
        """Is there nothing to see?"""
        return self.state in ("up", "not asked yet")


def nodes(found: Sequence[Trouble], causes: Iterable[Cause], newest: Sequence[Ended]) -> list[Node]:
    """Every node of every tier, innermost first; those that troubles name and settings don't are left out."""
    known, calls, proved = breakers(), _calls(), _succeeded(newest)
    failing = {cause.place: cause for cause in sorted(causes, key=_tried_at)}
    waiting = Counter(trouble.place for trouble in found if not trouble.dead)
    dead = Counter(trouble.place for trouble in found if trouble.dead)
    of_place: defaultdict[CachePlace, list[Ended]] = defaultdict(list)
    for row in newest:
        of_place[row.place].append(row)
    taken = {place: percentiles(seconds(rows)) for place, rows in of_place.items()}
    return [
        Node(
            place=place,
            product=tier.provider.rpartition(".")[2],
            fills_from=tier.fills_from,
            breaker=known.get(str(place), "closed"),
            succeeded_at=proved.get(str(place)),
            cause=failing.get(place),
            p50_seconds=taken.get(place, (None, None))[0],
            p95_seconds=taken.get(place, (None, None))[1],
            waiting=waiting[place],
            dead=dead[place],
            calls=calls.get(place, ()),
        )
        for place, tier in _places()
    ]


def _places() -> Iterator[tuple[CachePlace, conf.Tier]]:
    tiers = conf.settings().tiers
    for name in graph.order(tiers):
        for node in tiers[name].nodes:
            yield CachePlace(name, node), tiers[name]


def _tried_at(cause: Cause) -> float:
    return cause.tried_at.timestamp() if cause.tried_at else 0.0


def _succeeded(newest: Iterable[Ended]) -> dict[str, datetime]:
    """By the newest deliveries, and by the newest samples for a node that has proved none of them."""
    last = [sample for database in conf.settings().databases if (sample := samples.newest(database))]
    told = [*(sample.succeeded.items() for sample in last), succeeded(newest).items()]
    instants = sorted((datetime.fromisoformat(text), place) for items in told for place, text in items)
    return {place: instant for instant, place in instants}


def _calls() -> dict[CachePlace, list[Calls]]:
    """What is left of each quota; a tier whose provider can't be built is left to the checks."""
    providers: dict[CachePlace, Provider] = {}
    for place, _ in _places():
        with suppress(ImproperlyConfigured):
            providers[place] = provider(*place)
    left = quota.left(providers.values())
    return {
        place: [_left(rate.bucket, left) for rate in one.rates() if rate.bucket in left]
        for place, one in providers.items()
    }


def _left(bucket: str, left: Mapping[str, tuple[float, float]]) -> Calls:
    tokens, paused_seconds = left[bucket]
    return Calls(bucket.rpartition(":")[2], max(0, int(tokens)), paused_seconds)

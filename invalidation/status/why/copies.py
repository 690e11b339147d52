"""Asks each node for a page, as each kind of visitor would, innermost first: an outer one fills from the inner ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from invalidation import conf
from invalidation.conf import graph
from invalidation.exceptions import DeliveryError
from invalidation.pipeline.delivery.breaker import breakers
from invalidation.providers.registry import provider
from invalidation.status.why.case import Asked, is_held, is_storable
from invalidation.targets import sites
from invalidation.targets.values import CachePlace

#: Nodes of one tier that are asked at once: each that is away costs its whole timeout.
AT_ONCE = 8
NO_ADDRESS = "its nodes can't be asked one by one"


def asked(url: str) -> Iterator[Asked]:
    """What every node that holds pages of the site answers; the nodes of a tier are asked at the same time."""
    open_ones = {place for place, state in breakers().items() if state == "open"}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for places in _tiers(url):
            for answers in pool.map(partial(_ask, url, open_ones), places):
                yield from answers


def _tiers(url: str) -> Iterator[list[CachePlace]]:
    settings = conf.settings()
    for name in graph.order(settings.tiers):
        if sites.origin(url) in settings.sites_of(name):
            places = [CachePlace(name, node) for node in settings.tiers[name].nodes]
            yield [place for place in places if provider(*place).holds_responses]


def _ask(url: str, open_ones: Iterable[str], place: CachePlace) -> list[Asked]:
    """An answer for each variant, up to the first that there is none to."""
    left_alone = str(place) in open_ones
    if not provider(*place).supports_fetch:
        return [Asked(place, error=NO_ADDRESS, left_alone=left_alone)]
    answers: list[Asked] = []
    for variant in provider(*place).variants:
        answers.append(_fetched(url, place, variant, left_alone=left_alone))
        if answers[-1].error:
            break
    return answers


def _fetched(url: str, place: CachePlace, variant: Mapping[str, str], *, left_alone: bool) -> Asked:
    """Asked twice where it fetched what it may keep: then it should have that."""
    node = provider(*place)
    try:
        first = node.fetch(url, variant)
        again = node.fetch(url, variant) if is_storable(first) and not is_held(first) else None
    except DeliveryError as error:
        return Asked(place, variant, error=str(error), left_alone=left_alone)
    return Asked(place, variant, first, kept=None if again is None else is_held(again), left_alone=left_alone)

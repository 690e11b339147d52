"""Asks nodes for pages, from the inside out, so that each has its copy before a visitor comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus

from invalidation import conf
from invalidation.conf import graph
from invalidation.exceptions import DeliveryError
from invalidation.providers.base import Provider
from invalidation.providers.registry import provider
from invalidation.targets import sites

#: Returns when the next request may be made; False when none may be made any more.
Turn = Callable[[], bool]
Progress = Callable[[], object]
#: 404 and 410, and what leads elsewhere.
GONE = frozenset({301, 302, 303, 307, 308, 404, 410})


@dataclass(frozen=True, slots=True)
class Failure:
    """A page that a node did not bring."""

    url: str
    tier: str
    node: str
    error: str
    status: int = 0
    """Of the answer; 0 where none came."""

    @property
    def is_gone(self) -> bool:
        """Is there no such page any more, or at another address?"""
        return self.status in GONE


def nodes() -> list[Provider]:
    """Those that can be asked for pages, innermost first, so that each fills from one that has its copy."""
    tiers = conf.settings().tiers
    providers = (provider(name, node) for name in graph.order(tiers) for node in tiers[name].nodes)
    return [one for one in providers if one.supports_fetch]


def served(node: Provider, urls: Iterable[str]) -> list[str]:
    """Those of the absolute URLs that are on a site of the node's tier: no other host is ever asked of it."""
    own = conf.settings().sites_of(node.tier)
    return [url for url in urls if sites.origin(url) in own]


def fill(
    asked: Sequence[Provider],
    urls: Sequence[str],
    *,
    concurrency: int,
    turn: Turn,
    progress: Progress = lambda: None,
) -> list[Failure | None]:
    """Ask each node for each absolute URL that it serves, a URL's innermost first; one entry for each request.

    The first URLs come first. `turn` is asked before each request, `progress` runs after it, in several threads.
    """

    def one(url: str) -> list[Failure | None]:
        return list(_ask_all([node for node in asked if served(node, [url])], url, turn, progress))

    with ThreadPoolExecutor(max(1, concurrency)) as pool:
        return [answer for answers in pool.map(one, urls) for answer in answers]


def _ask_all(asked: Iterable[Provider], url: str, turn: Turn, progress: Progress) -> Iterator[Failure | None]:
    for node in asked:
        if not turn():
            return
        yield _ask(node, url)
        progress()


def _ask(node: Provider, url: str) -> Failure | None:
    try:
        status = node.fetch(url).status_code
    except DeliveryError as error:
        return Failure(url, node.tier, node.node, str(error))
    return None if status == HTTPStatus.OK else Failure(url, node.tier, node.node, f"answered {status}", status)

"""Why an address is as it is: each node's copy, the last purge that concerned it, and the reason in words."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from invalidation import conf
from invalidation.conf import graph
from invalidation.exceptions import DeliveryError
from invalidation.freshness import index
from invalidation.freshness.clients import ask
from invalidation.models import Batch, Delivery, DeliveryStatus
from invalidation.pipeline.aftercare.verify import is_answer, is_stale
from invalidation.providers.answers.reply import Probe
from invalidation.providers.registry import provider
from invalidation.rows import batches, deliveries, events
from invalidation.rows.states import WAITING
from invalidation.targets import sites
from invalidation.targets.values import CachePlace, Targets

#: The newest batches among which the last that concerns the address is looked for.
BATCHES = 2000
PENDING_EVENTS = 500


#: What a delivery's state means for a copy that is still old; the error follows.
OPEN = {
    DeliveryStatus.PENDING: "its purge waits for the tiers inside, or for a free worker",
    DeliveryStatus.RUNNING: "its purge is under way",
    DeliveryStatus.REJECTED: "its purge is a dead letter, which waits for a replay: ",
    DeliveryStatus.DEAD: "its purge is a dead letter, which waits for a replay: ",
}


class CopyDocument(TypedDict):
    """What one node has."""

    tier: str
    node: str
    status_code: int | None
    cache_status: str
    sequence: int | None
    age_seconds: float | None
    stale: bool
    reason: str


class PurgeDocument(TypedDict):
    """The last purge that concerned the address."""

    event: str | None
    batch: int
    status: str
    lane: str
    source: str | None
    reason: str | None
    purged_at: str
    sequence: int | None


class WhyDocument(TypedDict):
    """Everything about one address."""

    url: str
    tags: list[str]
    pending: str | None
    """An event that concerns it and that nobody has claimed yet."""

    last_purge: PurgeDocument | None
    copies: list[CopyDocument]


@dataclass(frozen=True, slots=True)
class Concern:
    """An address with the tags that its page was rendered with, by which purges are recognised."""

    url: str
    tags: frozenset[str]

    def is_met_by(self, targets: Targets | None) -> bool:
        """Does a purge of these remove the page? What can't be read may mean anything, and is not called its purge."""
        if targets is None:
            return False
        known = conf.settings().sites
        below = tuple(sites.expand_known(targets.prefixes, known))
        named = self.url in sites.expand_known(targets.urls, known)
        return targets.everything or named or bool(self.tags & targets.tags) or self.url.startswith(below or ("\0",))


def explain(url: str, database: str) -> WhyDocument:
    """Ask every node for one absolute URL, as a visitor would, so that a cache without a copy takes one."""
    concern = Concern(url, ask(lambda server: index.page_tags(server, url), frozenset[str]()))
    last = _last(concern, database)
    rows = {row.place: row for row in deliveries.on(database).filter(batch=last).order_by("id")} if last else {}
    return {
        "url": url,
        "tags": sorted(concern.tags),
        "pending": _pending(concern, database),
        "last_purge": _purge(last, database) if last else None,
        "copies": [_copy(place, url, last, rows) for place in _places(url)],
    }


def _last(concern: Concern, database: str) -> Batch | None:
    newest = batches.on(database).filter(event_count__gt=0).order_by("-id")[:BATCHES]
    return next((batch for batch in newest.iterator() if concern.is_met_by(batch.readable)), None)


def _pending(concern: Concern, database: str) -> str | None:
    newest = events.pending(database).order_by("-id")[:PENDING_EVENTS]
    found = (event for event in newest if concern.is_met_by(_read(event.targets)))
    return next((str(event.uid) for event in found), None)


def _read(document: Any) -> Targets | None:
    return Batch(targets=document).readable


def _purge(batch: Batch, database: str) -> PurgeDocument:
    event = events.on(database).filter(batch=batch).order_by("-id").first()
    return {
        "event": str(event.uid) if event else None,
        "batch": batch.pk,
        "status": batch.status,
        "lane": batch.lane,
        "source": event.source if event else None,
        "reason": event.reason if event else None,
        "purged_at": (batch.completed_at or batch.created_at).isoformat(),
        "sequence": batch.sequence,
    }


def _places(url: str) -> Iterator[CachePlace]:
    """Nodes that can be asked for it, innermost first: an outer one fills from what the inner ones have."""
    tiers = conf.settings().tiers
    for name in graph.order(tiers):
        if sites.origin(url) in conf.settings().sites_of(name):
            for node in tiers[name].nodes:
                if provider(name, node).supports_fetch:
                    yield CachePlace(name, node)


def _copy(place: CachePlace, url: str, last: Batch | None, rows: Mapping[CachePlace, Delivery]) -> CopyDocument:
    found: CopyDocument = {
        "tier": place.tier,
        "node": place.node,
        "status_code": None,
        "cache_status": "",
        "sequence": None,
        "age_seconds": None,
        "stale": False,
        "reason": "",
    }
    try:
        probe = provider(*place).fetch(url)
    except DeliveryError as error:
        return {**found, "reason": f"could not be asked: {error}"}
    stale = is_stale(probe.sequence, last.sequence if last else None)
    return {
        **found,
        "status_code": probe.status_code,
        "cache_status": probe.cache_status,
        "sequence": probe.sequence,
        "age_seconds": _age_seconds(probe.sequence),
        "stale": stale,
        "reason": _because(probe, last, rows.get(place), is_old=stale),
    }


def _age_seconds(sequence: int | None) -> float | None:
    """Since it was rendered: a sequence counts microseconds."""
    return None if sequence is None else max(0.0, time.time() - sequence / 1e6)


def _because(probe: Probe, last: Batch | None, row: Delivery | None, *, is_old: bool) -> str:
    if is_old and last:
        return f"old: {why_old(last, row)}"
    if not is_answer(probe):
        return f"answered {probe.status_code}, which tells nothing of the page"
    if probe.sequence is None:
        return "kept by nobody: the answer says that it may not be stored, or the application did not render it"
    if "HIT" in probe.cache_status.upper():
        return "a copy that is newer than the last purge" if last else "a copy; no purge concerned it lately"
    return f"no copy: {why_gone(row)}"


def why_old(last: Batch, row: Delivery | None) -> str:
    """Why a node still has what was purged. Pure."""
    if row is None:
        return "that purge was not meant for this tier" if last.tiers else "that purge knew of no such node"
    if row.status == DeliveryStatus.PURGED:
        return _taken_up_again(last)
    if row.status in WAITING:
        return f"its purge is tried again at {row.available_at.isoformat()}: {row.error or row.status}"
    return f"{OPEN[DeliveryStatus(row.status)]}{row.error}"


def _taken_up_again(last: Batch) -> str:
    if last.rebound_at and not last.rebounded_at:
        return f"taken up again after its purge; purged once more at {last.rebound_at.isoformat()}"
    return "taken up again after its purge, and after the one that followed; the event's verification tells more"


def why_gone(row: Delivery | None) -> str:
    """Why a node has nothing. Pure."""
    if row and row.status == DeliveryStatus.PURGED and row.completed_at:
        return f"purged at {row.completed_at.isoformat()}, and nobody had asked for it since"
    return "nobody had asked for it, or it had expired"


def is_any_stale(documents: Iterable[WhyDocument]) -> bool:
    """Is any copy older than the last purge?"""
    return any(copy["stale"] for document in documents for copy in document["copies"])


def addresses(url: str) -> Sequence[str]:
    """The absolute URLs that an address stands for.

    Raises:
        InvalidTarget: it is none, or on none of the sites.
    """
    [asked] = Targets.of(urls=[url]).urls
    return sites.expand(asked, conf.settings().sites)

"""Why an address is as it is: each node's copy, the last purge that concerned it, and the reason in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from invalidation import conf
from invalidation.conf import graph
from invalidation.models import Batch
from invalidation.pipeline.delivery.deliver import is_soft
from invalidation.providers.registry import provider
from invalidation.status.why import page, purges
from invalidation.status.why.case import Asked, Case, Surroundings
from invalidation.status.why.copies import asked
from invalidation.status.why.documents import CopyDocument, WhyDocument, copy_document, purge_document
from invalidation.status.why.page import Page
from invalidation.status.why.purges import Concern, History
from invalidation.status.why.reasons import because
from invalidation.targets import sites
from invalidation.targets.values import Targets

__all__ = ["CopyDocument", "WhyDocument", "addresses", "explain", "is_any_stale"]


def explain(url: str, database: str) -> WhyDocument:
    """Ask every node for one absolute URL, as a visitor would, so that a cache without a copy takes one."""
    known = page.known(url)
    concern = Concern(url, known.tags)
    history = purges.history(concern, database)
    return {
        "url": url,
        "tags": sorted(known.tags),
        "rendered_at": known.rendered_at.isoformat() if known.rendered_at else None,
        "remarks": list(page.remarks(known, conf.settings())),
        "next_change_at": purges.next_change(concern, database),
        "pending": str(history.pending.uid) if history.pending else None,
        "last_purge": purge_document(history, concern),
        "copies": list(_copies(known, history)),
    }


def _copies(known: Page, history: History) -> Iterator[CopyDocument]:
    for one in asked(known.url):
        yield copy_document(one, because(Case(one, known, history, _around(one, history.last))))


def _around(one: Asked, last: Batch | None) -> Surroundings:
    settings = conf.settings()
    tier = settings.tiers[one.place.tier]
    return Surroundings(
        inner=graph.inner(settings.tiers, tier.name),
        soft=last is not None and is_soft(tier.name, last.manner),
        needs_index=not provider(*one.place).supports_tags,
        lease_seconds=settings.retry.lease_seconds,
    )


def is_any_stale(documents: Iterable[WhyDocument]) -> bool:
    """Is any copy older than the last purge?"""
    return any(copy["stale"] for document in documents for copy in document["copies"])


def addresses(url: str) -> Sequence[str]:
    """The absolute URLs that an address stands for.

    Raises:
        InvalidTarget: it is none, or on none of the sites.
    """
    [given] = Targets.of(urls=[url]).urls
    return sites.expand(given, conf.settings().sites)

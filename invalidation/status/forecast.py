"""What a purge would do, before anybody starts it: each node's calls and pages, price, time, share, and is it wide?"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypedDict

from django.core.exceptions import ImproperlyConfigured

from invalidation.pipeline.delivery import quota
from invalidation.pipeline.intake.claim import batched
from invalidation.pipeline.planning.impact import Reach, reach
from invalidation.providers.registry import provider
from invalidation.status.gate import Wide, judge
from invalidation.status.previews import PlannedTier, preview
from invalidation.targets.values import Targets

#: Addresses that are named of one node's plan.
NAMED_URLS = 50


class PlannedDocument(TypedDict):
    """What one node would be asked."""

    tier: str
    node: str
    calls: int
    price_usd: float
    seconds: float
    """That the quotas of its account take at least, as they stand now; 0 where nothing has to wait."""

    url_count: int
    """Pages that it is asked to remove by their addresses; what goes by tag or prefix is none of them."""

    urls: list[str]
    """The first of these."""

    decisions: list[str]


class ForecastDocument(TypedDict):
    """What a purge would do now; nothing is stored."""

    targets: dict[str, Any]
    tiers: list[PlannedDocument]
    url_count: int | None
    """Known pages that it reaches at most; null while Redis is away and nobody can count them."""

    known_urls: int | None
    share: float | None
    """Of the known pages, 0 to 1; null where none is known."""

    wide: str | None
    """What has to be confirmed, and needs a right of its own; null where nothing has."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """The same, for who shows it otherwise."""

    targets: Targets
    rows: tuple[PlannedTier, ...]
    reached: Reach
    wide: Wide | None

    @property
    def share(self) -> float | None:
        """Of the known pages, 0 to 1; None where none is known."""
        known = self.reached.known
        return min(1.0, self.reached.urls / known) if self.reached.counted and known else None

    def document(self) -> ForecastDocument:
        """As JSON can say it."""
        counted = self.reached.counted
        return {
            "targets": self.targets.document(),
            "tiers": [_planned(row) for row in self.rows],
            "url_count": self.reached.urls if counted else None,
            "known_urls": self.reached.known if counted else None,
            "share": None if self.share is None else round(self.share, 4),
            "wide": str(self.wide) if self.wide else None,
        }


def forecast(targets: Targets, tiers: Collection[str] | None = None) -> Forecast:
    """As a worker would carry it out now; `tiers` None means all."""
    rows, reached = tuple(preview(targets, tiers)), reach(batched([targets]))
    most = max((len(urls(row)) for row in rows), default=0)
    return Forecast(targets, rows, replace(reached, urls=max(reached.urls, most)), judge(targets, tiers))


def seconds(row: PlannedTier) -> float:
    """That the quotas of the node's account take at least; a provider that can't be built is left to the checks."""
    with suppress(ImproperlyConfigured):
        return quota.seconds(provider(row.tier, row.node), row.steps)
    return 0.0


def urls(row: PlannedTier) -> list[str]:
    """Every address that the node is asked to remove."""
    return [url for step in row.steps if step.verb == "purge_urls" for url in step.items]


def only_on(document: ForecastDocument, hosts: Iterable[str]) -> ForecastDocument:
    """The same, without the addresses of other hosts. Pure."""
    starts = tuple(f"{scheme}://{host}/" for host in hosts for scheme in ("http", "https"))
    tiers: list[PlannedDocument] = [
        {**row, "urls": [url for url in row["urls"] if url.startswith(starts)]} for row in document["tiers"]
    ]
    return {**document, "tiers": tiers}


def _planned(row: PlannedTier) -> PlannedDocument:
    named = urls(row)
    return {
        "tier": row.tier,
        "node": row.node,
        "calls": row.requests,
        "price_usd": round(row.price_usd, 3),
        "seconds": round(seconds(row), 1),
        "url_count": len(named),
        "urls": named[:NAMED_URLS],
        "decisions": list(row.decisions),
    }

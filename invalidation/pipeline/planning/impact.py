"""How many of the known URLs a purge reaches, so that a slip of the finger doesn't empty the caches unnoticed."""

from __future__ import annotations

from dataclasses import dataclass

from invalidation import conf
from invalidation.freshness import index
from invalidation.freshness.clients import UNAVAILABLE, patient_client
from invalidation.targets import sites
from invalidation.targets.values import Targets


@dataclass(frozen=True, slots=True)
class Reach:
    """At most so many URLs, and how many the tag index knows."""

    urls: int = 0
    known: int = 0
    counted: bool = True
    """False while the index can't be asked: then neither number means anything."""

    def __str__(self) -> str:
        return f"up to {self.urls} URLs, of {self.known} known"

    @property
    def is_wide(self) -> bool:
        """Is it above both settings, the share and the number?"""
        settings = conf.settings()
        return self.urls > max(settings.limits.wide_urls, settings.limits.wide_share * self.known)


def reach(targets: Targets) -> Reach:
    """Counted without reading the URLs: one that carries two of the tags counts twice."""
    named = len(sites.expand_known(targets.urls, conf.settings().sites))
    server = patient_client()
    if server is None:
        return Reach(named)
    try:
        counts, known = index.counts(server, tags=targets.tags, prefixes=_starts(targets))
    except UNAVAILABLE:
        return Reach(named, counted=not (targets.tags or targets.prefixes))
    # A tag that has all that the index keeps of one may be on every page.
    overflows = max(counts, default=0) >= conf.settings().index.max_urls_per_tag
    return Reach((known if overflows else min(sum(counts), known)) + named, known)


def _starts(targets: Targets) -> set[str]:
    """Absolute prefixes; "" stands for all."""
    return {""} if targets.everything else sites.expand_known(targets.prefixes, conf.settings().sites)


def wide_reach(targets: Targets) -> Reach | None:
    """The reach of a batch that turned out wide; who says "everything" has said it."""
    if targets.everything or not (targets.tags or targets.prefixes or targets.urls):
        return None
    reached = reach(targets)
    return reached if reached.is_wide else None

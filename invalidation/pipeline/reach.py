"""How many of the known URLs a purge reaches, so that a slip of the finger doesn't empty the caches unnoticed."""

from __future__ import annotations

from dataclasses import dataclass

from invalidation import conf
from invalidation.freshness import index
from invalidation.freshness.state import UNAVAILABLE, patient_client
from invalidation.pipeline import sites
from invalidation.values import Targets


@dataclass(frozen=True, slots=True)
class Reach:
    """At most so many URLs, of those that the tag index knows."""

    urls: int = 0
    known: int = 0

    def __str__(self) -> str:
        return f"up to {self.urls} of {self.known} known URLs"

    @property
    def is_wide(self) -> bool:
        """Is it above both settings, the share and the number?"""
        settings = conf.settings()
        return self.urls > max(settings.wide_urls, settings.wide_share * self.known)


def reach(targets: Targets) -> Reach:
    """Counted without reading the URLs: one that carries two of the tags counts twice. Nothing while Redis is away."""
    server, settings = patient_client(), conf.settings()
    if server is None:
        return Reach()
    prefixes = sites.expand_known(targets.prefixes, settings.sites)
    try:
        counts, known = index.counts(server, tags=targets.tags, prefixes=[""] if targets.everything else prefixes)
    except UNAVAILABLE:
        return Reach()
    # A tag that has all that the index keeps of one may be on every page.
    found = known if max(counts, default=0) >= settings.index_max_urls_per_tag else sum(counts) + len(targets.urls)
    return Reach(min(found, known), known)


def needs_confirmation(targets: Targets) -> Reach | None:
    """The reach, where a person should be asked first. Who says "everything" has said it; code is never asked."""
    if targets.everything or not (targets.tags or targets.prefixes or targets.urls):
        return None
    found = reach(targets)
    return found if found.is_wide else None

"""A backend of `wagtail.contrib.frontend_cache`: what a site purges by it becomes an event here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from wagtail.contrib.frontend_cache.backends import BaseBackend

from invalidation import conf, lazy
from invalidation.emission.api import invalidate
from invalidation.exceptions import InvalidTarget
from invalidation.targets import sites
from invalidation.targets.values import checked_url

logger = lazy.Logger(__name__)


class FrontendCache(BaseBackend):
    """The `BACKEND` of a `WAGTAILFRONTENDCACHE`: purges are stored in the open transaction, retried and proved.

    `HOSTNAMES` is Wagtail's own option; `TIERS` names the tiers that are purged, all by default.
    """

    def __init__(self, params: Mapping[str, Any]) -> None:
        super().__init__(params)
        self.tiers: Iterable[str] | None = params.get("TIERS")

    def purge(self, url: str) -> None:
        """One address."""
        self.purge_batch([url])

    def purge_batch(self, urls: Iterable[str]) -> None:
        """One event; an address that can't be purged is named in the log, and keeps none of the others back."""
        invalidate(urls=[url for url in urls if _is_usable(url)], tiers=self.tiers, reason="frontend_cache")


def _is_usable(url: str) -> bool:
    try:
        sites.expand(checked_url(url), conf.settings().sites)
    except InvalidTarget as error:
        logger.warning("frontend_cache_url_unusable", url=url, error=str(error))
        return False
    return True

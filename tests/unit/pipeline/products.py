"""Providers whose plans several modules look at."""

from __future__ import annotations

from invalidation.providers.answers.reply import Reply
from invalidation.providers.base import Provider


class UrlsAlone(Provider):
    """Removes one page at a time by its URL."""

    def purge_urls(self, urls: object) -> Reply:
        return Reply()

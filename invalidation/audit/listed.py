"""Pages that somebody links to, whether or not a cache holds them: those of the settings and of the sitemap."""

from __future__ import annotations

from collections.abc import Iterator

from invalidation import conf
from invalidation.audit import known_pages
from invalidation.audit.facts import Page
from invalidation.deployment import urls
from invalidation.exceptions import InvalidTarget
from invalidation.targets import sites

CRITICAL = "INVALIDATION['DEPLOY']['CRITICAL_URLS']"


def in_settings() -> Iterator[Page]:
    """Of CRITICAL_URLS, on every site; one on no site as it is written."""
    known = conf.settings().sites
    for url in conf.settings().deploy.critical_urls:
        try:
            expanded = sites.expand(url, known)
        except InvalidTarget:
            expanded = (url,)
        yield from (known_pages.page(one, listed_by=CRITICAL) for one in expanded)


def in_sitemap(path: str, limit: int) -> tuple[list[Page], list[str]]:
    """At most `limit` pages of the sitemap on every site, and why one could not be read."""
    found: dict[str, Page] = {}
    problems: list[str] = []
    for sitemap in urls.sitemaps(path) if path else ():
        try:
            listed = urls.in_sitemap(sitemap, foreign=True)[: limit - len(found)]
            found |= {url: known_pages.page(url, listed_by=sitemap) for url in listed}
        except urls.NoSitemap as error:
            problems.append(f"The sitemap can't be read: {error}")
    return list(found.values()), problems

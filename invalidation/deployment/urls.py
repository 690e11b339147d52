"""Which pages a deployment cares for: those of the settings, of the sitemap, of the tag index."""

from __future__ import annotations

from http import HTTPStatus
from xml.etree import ElementTree as ET

from invalidation import conf
from invalidation.exceptions import DeliveryError, InvalidationError
from invalidation.freshness import index
from invalidation.freshness.clients import UNAVAILABLE, patient_client
from invalidation.providers.filling import nodes, served
from invalidation.providers.http import Location, ask
from invalidation.targets import sites

#: Of an element that holds an address, in any version of the format; a sitemap index holds further sitemaps.
LOCATION = "{*}loc"
MAX_SITEMAPS = 50
TIMEOUT_SECONDS = 30.0
#: https://www.sitemaps.org/protocol.html
MAX_SITEMAP_BYTES = 50 * 1024 * 1024


class NoSitemap(InvalidationError):
    """The sitemap can't be read; the message says why."""


def critical() -> list[str]:
    """Absolute URLs of CRITICAL_URLS, in their order, on every site.

    Raises:
        InvalidTarget: one is on no configured site.
    """
    settings = conf.settings()
    return list(
        dict.fromkeys(url for one in settings.deploy.critical_urls for url in sites.expand(one, settings.sites))
    )


def indexed(limit: int) -> list[str]:
    """URLs that the tag index knows, at most `limit`; none where its Redis is away."""
    server = patient_client()
    try:
        return sorted(index.urls_below(server, [""]))[:limit] if server else []
    except UNAVAILABLE:
        return []


def sitemaps(path: str) -> list[str]:
    """The absolute URL of a sitemap on each site that some node serves: pages of another could be warmed nowhere."""
    return [site + path for site in conf.settings().sites if any(served(node, [site]) for node in nodes())]


def in_sitemap(url: str, *, foreign: bool = False) -> list[str]:
    """Pages that the sitemap at an absolute URL lists, and its further ones; asked at the outermost node that has it.

    Those of configured sites alone, but where `foreign` pages are asked for too.

    Raises:
        NoSitemap: one of them can't be read.
    """
    waiting, seen, urls = [url], set[str](), dict[str, None]()
    while waiting and len(seen) < MAX_SITEMAPS:
        sitemap = waiting.pop()
        if sitemap not in seen:
            seen.add(sitemap)
            pages, further = listed(_text(sitemap), foreign=foreign)
            urls.update(dict.fromkeys(pages))
            waiting += further
    return list(urls)


def _text(url: str) -> str:
    location, asked = Location.of(url), [node for node in nodes() if served(node, [url])]
    address = asked[-1].node + location.target if asked else url
    try:
        answer = ask(address, TIMEOUT_SECONDS, location.headers, max_reply_bytes=MAX_SITEMAP_BYTES)
    except DeliveryError as error:
        raise NoSitemap(f"{url}: {error}") from error
    if answer.status != HTTPStatus.OK:
        raise NoSitemap(f"{url}: it answered {answer.status}")
    return answer.text


def listed(text: str, *, foreign: bool = False) -> tuple[list[str], list[str]]:
    """Pages and further sitemaps that a sitemap lists; of others than configured sites, pages where asked for alone.

    Raises:
        NoSitemap: it is not XML.
    """
    try:
        root = ET.fromstring(text)  # noqa: S314 (the sitemap is the site's own)
    except ET.ParseError as error:
        raise NoSitemap(f"it is no XML: {error}") from error
    locations = [(location.text or "").strip() for location in root.iterfind(f"*/{LOCATION}")]
    known = conf.settings().sites
    own = [url for url in locations if url and sites.origin(url) in known]
    if root.tag.endswith("sitemapindex"):
        return [], own
    return (list(filter(None, locations)) if foreign else own), []

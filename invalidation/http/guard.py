"""The in-flight guard: a response whose tags were invalidated while it was rendered is stored by nobody."""

from __future__ import annotations

import structlog
from django.http import HttpRequest, HttpResponseBase

from invalidation import conf
from invalidation.freshness import index, sequence
from invalidation.freshness.absence import absence
from invalidation.freshness.sequence import Verdict
from invalidation.freshness.state import UNAVAILABLE, client
from invalidation.http import cacheable, streaming
from invalidation.http.address import exact_url
from invalidation.http.headers import set_tag_headers
from invalidation.http.tags import tags_of
from invalidation.pipeline import sites
from invalidation.providers.http import SEQUENCE_HEADER
from invalidation.providers.registry import provider_class

logger = structlog.get_logger(__name__)


def begin(request: HttpRequest) -> int | None:
    """The sequence before the first query; None where it can't be read. One round trip, for safe methods alone."""
    server = client()
    if server is None or request.method not in ("GET", "HEAD") or not absence.may_ask():
        return None
    try:
        since = sequence.current(server)
    except UNAVAILABLE as error:
        absence.note(error)
        return None
    absence.over()
    return since


def end(request: HttpRequest, response: HttpResponseBase, since: int | None) -> None:
    """Stamp, tag and index a response that may be stored; forbid storing one that is outdated already.

    A copy that nobody could find again, or whose age nobody knows, may live for the degraded lifetime only.
    """
    if not cacheable.storable(request, response):
        return
    tags = tags_of(request)
    if not set_tag_headers(response, tags):
        logger.warning("too_many_tags", path=request.path, tags=len(tags))
        cacheable.forbid(response)
        return
    url = exact_url(request)
    verdict = Verdict.UNKNOWN
    if since is not None:
        response.headers[SEQUENCE_HEADER] = str(since)
        verdict = _registered(response, url, tags, since) if _is_ours(url) else _foreign(url)
        streaming.recheck(response, url, tags, since)
    if verdict is Verdict.OUTDATED:
        cacheable.forbid(response)
    elif verdict is Verdict.UNKNOWN:
        cacheable.shorten(response, conf.settings().degraded_ttl_seconds)


def _registered(response: HttpResponseBase, url: str, tags: frozenset[str], since: int) -> Verdict:
    """Record the URL, then read the stamps, in one round trip.

    In this order: an invalidation that looked for the URL too early to find it has set its stamp before it looked.
    """
    server = client()
    if server is None:
        return Verdict.UNKNOWN
    pipeline = server.pipeline(transaction=False)
    index.register(pipeline, url, tags, cacheable.shared_seconds(response))
    pipeline.mget(sequence.watched_keys(tags, url))
    try:
        known, stamps = pipeline.execute()
    except UNAVAILABLE as error:
        absence.note(error)
        return Verdict.UNKNOWN
    verdict = sequence.verdict(stamps, since)
    return Verdict.UNKNOWN if verdict is Verdict.CURRENT and not known and _needs_index() else verdict


def _needs_index() -> bool:
    """Does any tier find copies through the tag index alone?"""
    products = [provider_class(tier.provider) for tier in conf.settings().tiers.values()]
    return any(product.holds_responses and not product.supports_tags for product in products)


def _is_ours(url: str) -> bool:
    """Is it on a site that purges are sent for? Where none is configured, nothing is known about it."""
    known = conf.settings().sites
    return not known or sites.origin(url) in known


def _foreign(url: str) -> Verdict:
    logger.warning("origin_not_in_sites", origin=sites.origin(url), remedy="add it to INVALIDATION['SITES']")
    return Verdict.UNKNOWN

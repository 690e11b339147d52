"""The in-flight guard: a response whose tags were invalidated while it was rendered is stored by nobody."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from functools import cache

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from invalidation import conf, lazy
from invalidation.conf.changes import when_changed
from invalidation.emission import instants
from invalidation.freshness import degraded, index, sequence, unit_of_work
from invalidation.freshness.clients import UNAVAILABLE, client
from invalidation.freshness.degraded import Reason, pending
from invalidation.freshness.redis_pause import redis_pause
from invalidation.freshness.sequence import Verdict
from invalidation.http import automatic, cacheable, recheck
from invalidation.http.address import exact_url
from invalidation.http.headers import own_tags, set_tag_headers
from invalidation.http.tags import tags_of, unusable_of
from invalidation.providers.http import REASON_HEADER, SEQUENCE_HEADER
from invalidation.providers.registry import provider_class
from invalidation.targets import sites

logger = lazy.Logger(__name__)
#: Attribute of a request: when it came.
BEGUN_AT = "_invalidation_begun_at"
TAG_REMEDY = "add tags of 1 to 128 characters of a-z, 0-9, '_', '.', ':' and '-'; `object_tag` makes one of any key"


def begin(request: HttpRequest) -> int | None:
    """The sequence before the first query; None where it can't be read. One round trip, for safe methods alone."""
    if request.method not in ("GET", "HEAD"):
        return None
    request.__dict__[BEGUN_AT] = timezone.now()
    since = sequence.newest()
    if since is not None:
        unit_of_work.begin(since)
    return since


def end(request: HttpRequest, response: HttpResponseBase, since: int | None) -> None:
    """Stamp, tag and index a response that may be stored; forbid storing one that is outdated already.

    A copy that nobody could find again, or whose age nobody knows, may live for the degraded lifetime only. The stamps
    are read last of all: from then on the answer is on its way, and only a purge that finds it removes it.
    """
    if not cacheable.storable(request, response):
        return
    tags = _tagged(request, response)
    if tags is None:
        logger.warning("too_many_tags", path=request.path, tags=len(tags_of(request)))
        cacheable.forbid(response)
        response.headers[REASON_HEADER] = degraded.CROWDED
        return
    automatic.limit(request, response)
    _end_with_what_it_shows(request, response, tags)
    judgement = _judged(response, exact_url(request), tags, since)
    if judgement is Verdict.CURRENT and (unusable := unusable_of(request)):
        logger.warning("unusable_tags", path=request.path, tags=unusable, remedy=TAG_REMEDY)
        judgement = Reason.TAG
    if judgement is Verdict.OUTDATED:
        _refuse(response, exact_url(request))
    elif isinstance(judgement, Reason):
        pending.note(judgement)
        cacheable.shorten(response, conf.settings().pages.degraded_ttl_seconds)
        response.headers[REASON_HEADER] = judgement.value


def _refuse(response: HttpResponseBase, url: str) -> None:
    """Let nobody store it, and whoever asks why there is no copy be told."""
    pending.note_refused()
    cacheable.forbid(response)
    response.headers[REASON_HEADER] = degraded.REFUSED
    with suppress(*UNAVAILABLE):
        redis_pause.ask(lambda server: index.note_refused(server, url))


def _tagged(request: HttpRequest, response: HttpResponseBase) -> frozenset[str] | None:
    """The tags that its headers carry now; None where they don't fit, not even with models for rows."""
    own = own_tags(response)
    for wide in (False, True):
        tags = tags_of(request, wide=wide) | own
        if set_tag_headers(response, tags):
            return tags
    return None


def _end_with_what_it_shows(request: HttpRequest, response: HttpResponseBase, tags: frozenset[str]) -> None:
    """No copy outlives the next instant at which something in it changes by itself; nor is one of before it kept."""
    named = instants.timed(tags)
    if not named:
        return
    now = timezone.now()
    begun_at, lives = request.__dict__.get(BEGUN_AT, now), timedelta(seconds=cacheable.longest_seconds(response))
    try:
        ends_at = instants.next_instant(named, begun_at, now + lives)
    except DatabaseError as error:
        logger.warning("instants_unknown", path=request.path, error=repr(error))
        cacheable.shorten(response, conf.settings().pages.degraded_ttl_seconds)
    else:
        if ends_at:
            cacheable.cap(response, ends_at)
            response.headers[REASON_HEADER] = degraded.ENDS


def _judged(response: HttpResponseBase, url: str, tags: frozenset[str], since: int | None) -> Verdict | Reason:
    """What the stamps say, or why nobody may keep the response for long."""
    if since is None:  # a test that is offline sees the page as a site with Redis sends it
        return Verdict.CURRENT if conf.settings().offline else Reason.REDIS
    response.headers[SEQUENCE_HEADER] = str(since)
    judgement = _unindexable(url) or _registered(response, url, tags, since)
    if judgement is not Verdict.OUTDATED:  # which nobody stores
        recheck.watch(response, url, tags, since)
    return judgement


def _unindexable(url: str) -> Reason | None:
    """Is it an address that a purge could not find?"""
    settings, origin = conf.settings(), sites.origin(url)
    if settings.sites and origin not in settings.sites:  # where none is configured, nothing is known about it
        logger.warning("origin_not_in_sites", origin=origin, remedy="add it to INVALIDATION['SITES']")
        return Reason.ORIGIN
    declared = settings.pages.query_parameters.know(url[len(origin) :])
    return None if declared and index.is_indexable(url) else Reason.ADDRESS


def _registered(response: HttpResponseBase, url: str, tags: frozenset[str], since: int) -> Verdict | Reason:
    """Record the URL, then read the stamps, in one round trip.

    In this order: an invalidation that looked for the URL too early to find it has set its stamp before it looked.
    """
    watched, seconds = sequence.watched_keys(tags, url), cacheable.shared_seconds(response)
    try:
        known, stamps = redis_pause.ask(lambda server: index.registered(server, url, tags, seconds, watched))
        pending.flush(client())
    except UNAVAILABLE:
        return Reason.REDIS
    verdict = sequence.verdict(stamps, since)
    if verdict is Verdict.UNKNOWN:
        return Reason.REDIS
    return Reason.ROOM if verdict is Verdict.CURRENT and not known and _needs_index() else verdict


@cache
def _needs_index() -> bool:
    """Does any tier find copies through the tag index alone?"""
    products = [provider_class(tier.provider) for tier in conf.settings().tiers.values()]
    return any(product.holds_responses and not product.supports_tags for product in products)


@when_changed("INVALIDATION")
def _forget() -> None:
    _needs_index.cache_clear()

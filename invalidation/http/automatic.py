"""Automatic tags of a page: what it reads while it renders, collected where a shared cache might keep it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.http import FileResponse, HttpRequest, HttpResponseBase, StreamingHttpResponse

from invalidation import conf, lazy
from invalidation.freshness.degraded import UNTAGGED
from invalidation.http import cacheable, policy
from invalidation.http.tags import readings_of, remember_readings, untagged_in
from invalidation.http.wrapped import plain
from invalidation.providers.http import REASON_HEADER
from invalidation.tracking import clock, collector, outcome
from invalidation.tracking.collector import Readings

logger = lazy.Logger(__name__)

#: Imported by the first page that is collected for: it changes Django.
_install = lazy.call("invalidation.tracking.hooks.install")
#: Routes and reasons that were logged, of this process.
MOST_LOGGED = 1000
#: Attribute of a request of which each statement is to be told apart.
EXPLAIN = "_invalidation_explain"
#: Which statement gave which tag, for who works on the site; no longer than servers and proxies let a header be.
HEADER, MOST_HEADER = "X-Cache-Reads", 4000
PERSONAL = "what a visitor with a session or credentials is shown"
DJANGO_PAGE = "a page out of Django's own cache of pages, which keeps no tags"
STREAM = "what is read while a stream is sent"
REMEDY = "register the model, or tag the page by hand; docs/how-to/automatic-tags.md"
_logged: set[tuple[str, str]] = set()


def ask_to_explain(request: HttpRequest) -> None:
    """Let what `request` reads be told apart, statement by statement."""
    request.__dict__[EXPLAIN] = True


@contextmanager
def collecting(request: HttpRequest) -> Iterator[None]:
    """Note on the request what is read inside, where the setting is on; not for what will be private."""
    pages, is_asked = conf.settings().pages, EXPLAIN in request.__dict__
    if not (pages.automatic_tags or is_asked) or request.method not in ("GET", "HEAD"):
        yield
        return
    readings = Readings(clock.spelled_now(), pages.explain_tags or is_asked)
    remember_readings(request, readings)
    if policy.is_personal(request):
        readings.name([PERSONAL])
        yield
        return
    _install()
    with collector.opened(readings):
        yield


def limit(request: HttpRequest, response: HttpResponseBase) -> None:
    """Let a page that shows what no purge can find live for a short time only, and say what that is."""
    readings = readings_of(request)
    if readings is None:
        return
    if getattr(plain(request), "_cache_update_cache", None) is False:
        readings.name([DJANGO_PAGE])
    if isinstance(response, StreamingHttpResponse) and not isinstance(response, FileResponse):
        readings.name([STREAM])
    if readings.explains:
        response.headers[HEADER] = _told(readings)
    untagged = untagged_in(request)
    if untagged:
        cacheable.shorten(response, conf.settings().pages.untagged_ttl_seconds)
        response.headers[REASON_HEADER] = UNTAGGED
        _log(request, untagged)


def _told(readings: Readings) -> str:
    """`tag tag < SELECT …; …`, in ASCII."""
    told = (f"{' '.join(sorted(outcome.explained(origin))) or '-'} < {origin.what}" for origin in readings.origins)
    return " ".join("; ".join(told).encode("ascii", "replace").decode().split())[:MOST_HEADER]


def _log(request: HttpRequest, untagged: frozenset[str]) -> None:
    """Each once for each route and process."""
    match = plain(request).resolver_match
    route = (match.view_name or match.route) if match else request.path
    new = [what for what in sorted(untagged) if (route, what) not in _logged]
    if new and len(_logged) < MOST_LOGGED:
        _logged.update((route, what) for what in new)
        logger.warning("untagged_reads", route=route, reads=new, remedy=REMEDY)


def record_of(request: HttpRequest) -> dict[str, Any]:
    """What a stored page must say of itself beside its tags."""
    untagged = untagged_in(request)
    return {"untagged": sorted(untagged)} if untagged else {}


def recall(request: HttpRequest, record: Mapping[str, Any]) -> None:
    """A stored page is shown: what no tag stands for in it, none does now."""
    readings = readings_of(request)
    if readings is not None:
        readings.name(record.get("untagged", ()))

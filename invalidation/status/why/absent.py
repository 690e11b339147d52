"""Why a node has no copy: the page may not be kept, or something removed what there was. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from http import HTTPStatus

from invalidation.freshness import degraded
from invalidation.http.cacheable import FORBIDDING, LIFETIME_HEADERS, directives
from invalidation.models import Batch, DeliveryStatus
from invalidation.providers.answers.reply import Probe
from invalidation.status.why.case import Case, is_storable, lifetime_seconds, limit, varies
from invalidation.status.why.codes import Code, Reason
from invalidation.status.why.limits import of_life
from invalidation.status.why.moments import told

OUTDATED = Reason(
    Code.OUTDATED,
    "kept by nobody: what it shows was purged while it was rendered, so this answer was outdated already",
    "Ask again: the next answer is kept. If none ever is, something purges it all the time: look at its events.",
)
TOO_MANY_TAGS = Reason(
    Code.TOO_MANY_TAGS,
    "kept by nobody: its tags don't fit what the tiers keep of a page, not even as tags of models",
    "Tag it with fewer, wider tags; the log names it as `too_many_tags`.",
)


def unstored(probe: Probe) -> Reason | None:
    """Why no cache may keep the answer; None where they may."""
    return next(_refusals(probe), None)


def _refusals(probe: Probe) -> Iterator[Reason]:
    if limit(probe) == degraded.REFUSED:
        yield OUTDATED
    if limit(probe) == degraded.CROWDED:
        yield TOO_MANY_TAGS
    if probe.status_code >= HTTPStatus.BAD_REQUEST:
        yield _error(probe.status_code)
    if not is_storable(probe):
        yield from _of_headers(probe)
    elif probe.sequence is None and not limit(probe):
        yield Reason(
            Code.UNSTAMPED,
            "it may be kept, but the application did not stamp it: no purge by tag finds it, nobody can tell its age",
            "Is CacheTagMiddleware in MIDDLEWARE, outermost? A page that no Django renders is purged by its address.",
        )


def _error(code: int) -> Reason:
    words = f"kept by nobody: the application answers {code}, and errors are not kept"
    return Reason(Code.ERROR, words, "Is the address right, and its page public?")


def _of_headers(probe: Probe) -> Iterator[Reason]:
    """The first is the reason: what is written in an answer, from the most to the least telling."""
    if cookie := probe.headers.get("Set-Cookie", "").partition("=")[0].strip():
        yield Reason(
            Code.COOKIE,
            f"kept by nobody: it sets the cookie {cookie}",
            "Set no cookie on public pages; a form's CSRF token does it too, and so does a session that was touched.",
        )
    if varies(probe):
        yield Reason(Code.VARIES, "kept by nobody: it says Vary: *", "Name the headers that it varies by.")
    if said := next(_forbidding(probe), ""):
        yield Reason(
            Code.PRIVATE,
            f"kept by nobody: its {said}",
            "If everybody may see it, let its view say so, or remove the `never_cache` or `login_required` around it.",
        )
    if location := probe.headers.get("Location", ""):
        yield Reason(Code.REDIRECT, f"kept by nobody: it leads to {location}", f"Ask why of {location}.")
    yield Reason(
        Code.NO_LIFETIME,
        "kept by nobody: neither its view nor a rule of PAGES['POLICY'] gives it a lifetime",
        "Give it a Cache-Control with s-maxage, or a rule in PAGES['POLICY'].",
    )


def _forbidding(probe: Probe) -> Iterator[str]:
    for name in LIFETIME_HEADERS:
        said = probe.headers.get(name, "")
        if FORBIDDING & set(directives(said)):
            yield f"{name} says {said!r}"


def absent(case: Case, probe: Probe) -> Reason:
    """Why there was no copy of what may be kept; one that lives shortly is told to do so."""
    reason, life = _missing(case, probe), of_life(probe)
    if life is None or reason.code in (Code.NOT_KEPT, Code.NOT_A_CACHE):
        return reason
    return Reason(life.code, f"{reason.words}; {life.words}", life.remedy)


def _missing(case: Case, probe: Probe) -> Reason:
    if not probe.cache_status:
        return Reason(
            Code.NOT_A_CACHE,
            "it says nothing of a copy: is it a cache at all?",
            "Let NODES name the caches, not the application, and let them say what they did, as the shipped ones do.",
        )
    if case.asked.kept is False:
        return _not_kept(probe)
    return _removed(case, probe)


def _not_kept(probe: Probe) -> Reason:
    """It was asked twice in a row."""
    if said := probe.headers.get("Vary", ""):
        cause, remedy = f": it varies by {said}", "Vary by what the node tells apart alone: its VARIANTS."
    else:
        cause, remedy = " though it may", "`manage.py invalidation_doctor` looks at what the node keeps."
    return Reason(Code.NOT_KEPT, f"asked twice, this node kept no copy{cause}", remedy)


def _removed(case: Case, probe: Probe) -> Reason:
    row, page = case.history.rows.get(case.asked.place), case.page
    purged_at = row.completed_at if row and row.status == DeliveryStatus.PURGED else None
    if purged_at and (page.rendered_at is None or page.rendered_at <= purged_at):
        return Reason(Code.PURGED, f"no copy: purged at {told(purged_at)}, and {_since(case.history.last)}")
    if page.rendered_at and page.is_refused:
        refused = f"no copy: what was rendered last, at {told(page.rendered_at)}, was outdated already, and refused"
        return Reason(Code.OUTDATED, refused)
    if probe.cache_status.upper() == "EXPIRED":
        return Reason(Code.EXPIRED, "its copy had expired, and was fetched anew")
    if not page.readable:
        return Reason(Code.UNKNOWN, "no copy: nobody had asked for it, or it had expired; the tag index can't be read")
    if page.rendered_at is None:
        return Reason(Code.NEVER, "no copy: nobody had asked for it, as far as the tag index goes back")
    return _lost(case, probe)


def _since(last: Batch | None) -> str:
    """What happened after its purge."""
    if last and last.wants_refresh and not last.refresh_started_at:
        return "a worker is to fetch it again"
    return "nobody had asked for it since"


def _lost(case: Case, probe: Probe) -> Reason:
    """The application rendered it, and no purge of ours removed it."""
    rendered_at = case.page.rendered_at or case.now
    ends_at = rendered_at + timedelta(seconds=lifetime_seconds(probe))
    if ends_at <= case.now:
        return Reason(Code.EXPIRED, f"no copy: what was rendered at {told(rendered_at)} has expired at {told(ends_at)}")
    return Reason(
        Code.GONE,
        f"no copy, though it was rendered at {told(rendered_at)} and lives until {told(ends_at)}: nobody asked this "
        "node for it, or the node lost it: purged by somebody else, evicted, or restarted",
        "If it was here before: see who else purges there, the node's memory, and when it was started.",
    )

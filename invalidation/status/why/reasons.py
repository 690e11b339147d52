"""From what a node answered to the reason. Pure."""

from __future__ import annotations

from http import HTTPStatus

from invalidation.models import DeliveryStatus
from invalidation.pipeline.aftercare.verify import is_answer
from invalidation.providers.answers.reply import Probe
from invalidation.status import words
from invalidation.status.why.absent import absent, unstored
from invalidation.status.why.case import Case, held_seconds, is_held, lifetime_seconds
from invalidation.status.why.codes import Code, Reason
from invalidation.status.why.copies import NO_ADDRESS
from invalidation.status.why.limits import of_life
from invalidation.status.why.moments import told
from invalidation.status.why.old import old, standing

PROBE_WORDS = "does not answer the probe"


def because(case: Case) -> Reason:
    """Why the node answered as it did."""
    probe = case.asked.probe
    if probe is None:
        return _unasked(case)
    if not is_answer(probe):
        return _failed(probe)
    if probe.status_code == HTTPStatus.MISDIRECTED_REQUEST:
        return _misdirected()
    if not is_held(probe) and (refusal := unstored(probe)):
        return refusal
    return old(case, probe) or (_held(case, probe) if is_held(probe) else absent(case, probe))


def _held(case: Case, probe: Probe) -> Reason:
    """A copy that is not known to be old."""
    if late := _late(probe):
        return late
    if life := of_life(probe):
        return Reason(life.code, f"a copy, but {life.words}", life.remedy)
    if probe.sequence is None:
        return _unstamped()
    if case.around.needs_index and case.page.readable and case.page.rendered_at is None:
        return _unindexed()
    if case.history.last:
        return Reason(Code.NEWER, "a copy that is newer than the last purge")
    return Reason(Code.COPY, "a copy; no purge concerned it lately")


def _late(probe: Probe) -> Reason | None:
    """It is past its lifetime."""
    if "STALE" in probe.cache_status.upper():
        words_of_it = "a copy past its lifetime, shown because the application does not answer"
        return Reason(Code.ON_ERROR, words_of_it, "See why the application fails: it can't be fetched anew before.")
    if not _is_past(probe):
        return None
    words_of_it = "a copy past its lifetime, shown while it is fetched anew, or while the application does not answer"
    return Reason(Code.GRACE, words_of_it)


def _is_past(probe: Probe) -> bool:
    past = 0 < lifetime_seconds(probe) < held_seconds(probe)
    return past or "UPDATING" in probe.cache_status.upper()


def _unstamped() -> Reason:
    return Reason(
        Code.UNSTAMPED_COPY,
        "a copy that the application did not stamp: nobody can tell its age, nor whether a purge by tag finds it",
        "Is CacheTagMiddleware in MIDDLEWARE, outermost? A page that no Django renders is purged by its address.",
    )


def _unindexed() -> Reason:
    return Reason(
        Code.UNINDEXED,
        "a copy that the tag index does not know, for its Redis lost what it held: until then no purge by tag finds it",
        "The next purge by tag empties this node, and all is well again.",
    )


def _unasked(case: Case) -> Reason:
    asked = case.asked
    if asked.error == NO_ADDRESS:
        return _told_by_its_purge(case)
    found = words.diagnose(asked.error)
    sentence = f"could not be asked: {asked.error}"
    if asked.left_alone:
        alone = f"{sentence}. Workers leave it alone for a while, because it failed before; its purges wait"
        return Reason(Code.LEFT_ALONE, alone, found.remedy)
    return Reason(Code.UNREACHABLE, sentence, found.remedy)


def _told_by_its_purge(case: Case) -> Reason:
    """Of a vendor's cache there is nothing but the word of its purge."""
    row = case.history.rows.get(case.asked.place)
    remedy = "Its option EDGE says where its pages can be asked for."
    if row is None:
        return Reason(Code.NOT_ASKED, f"not asked: {NO_ADDRESS}; no purge of this page is known there", remedy)
    if row.status == DeliveryStatus.PURGED and row.completed_at:
        return Reason(Code.NOT_ASKED, f"not asked: {NO_ADDRESS}; it proved the last purge at {told(row.completed_at)}")
    stands = standing(case, row, f"not asked: {NO_ADDRESS}; the last purge")
    return Reason(Code.NOT_ASKED, stands.words, stands.remedy or remedy)


def _failed(probe: Probe) -> Reason:
    code = probe.status_code
    if PROBE_WORDS in probe.text:
        return Reason(
            Code.UNHEALTHY,
            f"answered {code}: the application does not answer the node's health probe, and there is no copy to show",
            "Is the application running, and does it answer the path and the host of the probe with 200?",
        )
    if code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        words_of_it = (
            f"answered {code}, which tells nothing of the page: what it fills from fails, and there is no copy"
        )
        remedy = "See the tiers inside it first; where they are well, the application's log says why."
        return Reason(Code.FAILED, words_of_it, remedy)
    refused = f"answered {code}, which tells nothing of the page: a visitor without credentials may not see it"
    return Reason(Code.REFUSED, refused, "Only what everybody may see is kept; or it refuses this address, or so many.")


def _misdirected() -> Reason:
    return Reason(
        Code.WRONG_HOST,
        "answered 421: this node serves no site of that host",
        "Add the host to the site's `server_names`, or give the tier the SITES that it serves.",
    )

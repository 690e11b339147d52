"""Examines one node: does it keep the canary, and does each kind of purge remove every copy?"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from django.http import HttpResponse

from invalidation.doctor.faults import Fault, Finding
from invalidation.doctor.observation import ODD, Patient, Reading, read
from invalidation.doctor.refusal import diagnosed, finding, stranger
from invalidation.exceptions import DeliveryError, RejectedError, Throttled, TransientError
from invalidation.freshness import index
from invalidation.freshness.clients import UNAVAILABLE, patient_client
from invalidation.http.canary import Canary
from invalidation.http.headers import set_tag_headers
from invalidation.providers.base import Provider
from invalidation.targets import sites

#: Visitors with different tastes; Django's LocaleMiddleware makes every page vary by this.
VARY = "Accept-Language"
VARIANTS: tuple[Mapping[str, str], ...] = ({VARY: "en"}, {VARY: "de"})
#: No more tags are tried than this, even where every product takes more.
MOST_TAGS = 2000


def examined(patient: Patient) -> Iterator[Finding]:
    """Every fault of this node; after one that makes purging impossible nothing further is tried."""
    try:
        faults = list(_by_url(patient))
        yield from faults
        if not faults:
            yield from _unguarded(patient)
            yield from _prefixed(patient)
            yield from _variants(patient)
            yield from _tags(patient) if patient.provider.supports_tags else _indexed(patient)
            yield from _prefix(patient)
    except Throttled:
        return  # the account's quota goes to purges that matter more; the next examination comes
    except RejectedError as error:
        yield finding(patient, Fault.REFUSED, f"{error} {error.reply}")
    except DeliveryError as error:
        fault = Fault.UNREACHABLE if isinstance(error, TransientError) and not error.reply else Fault.PURGE_FAILED
        yield finding(patient, fault, str(error))


def _by_url(patient: Patient) -> Iterator[Finding]:
    """The whole way of one page: fetched, kept, purged by URL, fetched again."""
    url = patient.url(patient.canary(), ODD)
    first = read(patient.provider, url)
    if not first.render:
        yield stranger(patient, first)
        return
    if sites.origin(first.url) != patient.site:
        detail = f"A page of {patient.site} is one of {sites.origin(first.url)} to the application."
        yield finding(patient, Fault.HOST_MISMATCH, detail)
        return
    held = patient.held(url)
    if held is None:
        yield finding(patient, Fault.NOT_STORED, "Asked twice for a page with s-maxage=60, it brought two renderings.")
        return
    yield from _purged(patient, url, held)


def _purged(patient: Patient, url: str, held: Reading) -> Iterator[Finding]:
    loud = _loud(url)
    spelled = patient.held(loud)
    try:
        patient.purge(url)
    except DeliveryError as error:
        yield diagnosed(patient, url, held, error)
        return
    if patient.keeps(url, held):
        yield finding(patient, Fault.SLICE if held.range else Fault.WRONG_KEY, f"Purged was {url}")
    elif spelled and spelled.render != held.render and patient.keeps(loud, spelled):
        yield finding(patient, Fault.HOST_SPELLING)


def _loud(url: str) -> str:
    """The same page to a visitor who writes the host in capitals."""
    host = urlsplit(url).netloc
    return url.replace(host, host.upper(), 1)


def _unguarded(patient: Patient) -> Iterator[Finding]:
    """Somebody who guesses the secret must be refused."""
    provider = patient.provider
    if "SECRET" not in provider.options:
        return
    intruder = type(provider)(provider.tier, provider.node, {**provider.options, "SECRET": "not-the-secret-at-all"})
    try:
        intruder.purge_urls([patient.url(patient.canary())])
    except DeliveryError:
        return
    yield finding(patient, Fault.UNGUARDED)


def _prefixed(patient: Patient) -> Iterator[Finding]:
    """A visitor who names a prefix of his own must not get the page below it: all its links would begin so."""
    canary, prefix = patient.canary(), "/not-a-prefix"
    if read(patient.provider, patient.site + prefix + canary.path, {"SCRIPT_NAME": prefix}).render:
        yield finding(patient, Fault.SCRIPT_NAME)


def _variants(patient: Patient) -> Iterator[Finding]:
    """Pages that vary either aren't kept, or go with all their variants."""
    url = patient.url(patient.canary(vary=VARY))
    copies = [patient.held(url, visitor) for visitor in VARIANTS]
    patient.purge(url)
    left = [
        visitor[VARY]
        for visitor, held in zip(VARIANTS, copies, strict=True)
        if held and patient.keeps(url, held, visitor)
    ]
    if left:
        yield finding(patient, Fault.VARIANTS, f"Left behind: {VARY} {', '.join(left)}.")


def _tags(patient: Patient) -> Iterator[Finding]:
    """One tag, then as many as a page may carry."""
    if _stale_after_tag(patient, patient.canary()):
        yield finding(patient, Fault.TAGS_UNREAD)
        return
    canary = patient.canary(tags=_most_tags())
    reading = read(patient.provider, patient.url(canary))
    if not reading.render:
        detail = f"It answered {reading.status_code} for a page with {canary.tags} tags."
        yield finding(patient, Fault.TAG_HEADER_TRUNCATED, detail)
    elif _stale_after_tag(patient, canary):
        detail = f"The last of {canary.tags} tags purged nothing."
        yield finding(patient, Fault.TAG_HEADER_TRUNCATED, detail)


def _stale_after_tag(patient: Patient, canary: Canary) -> bool:
    url, tag = patient.url(canary), canary.tag(canary.tags - 1)
    held = patient.held(url)
    patient.purge(url, "purge_tags", tag)
    return held is not None and patient.keeps(url, held)


def _most_tags() -> int:
    """As many as fit the header of every configured product."""
    canary = Canary(tags=MOST_TAGS)
    tags = [canary.tag(number) for number in range(MOST_TAGS)]
    return bisect_left(range(1, MOST_TAGS), True, key=lambda count: not set_tag_headers(HttpResponse(), tags[:count]))


def _indexed(patient: Patient) -> Iterator[Finding]:
    """A tier without tags depends on the tag index: does it know the page under the URL that is purged?"""
    server = patient_client()
    if server is None:
        return
    canary = patient.canary()
    url = patient.url(canary)
    read(patient.provider, url)
    try:
        known, _ = index.urls_of(server, [canary.tag(0)])
    except UNAVAILABLE:
        return
    if url not in known:
        yield finding(patient, Fault.NOT_INDEXED, f"Known for its tag: {', '.join(sorted(known)) or 'nothing'}.")


def _prefix(patient: Patient) -> Iterator[Finding]:
    if not patient.provider.supports_prefixes:
        return
    canary = patient.canary()
    url = patient.url(canary, ODD)
    held = patient.held(url)
    patient.purge(url, "purge_prefixes", patient.url(canary))
    if held and patient.keeps(url, held):
        yield finding(patient, Fault.PREFIX, f"Purged was {patient.url(canary)}")


def examinable(provider: Provider) -> bool:
    """Can it be asked for pages, and purged at no cost?"""
    return provider.holds_responses and provider.supports_fetch and not provider.costs_money

"""What it means that a node did not confirm the purge of a page that it holds."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlsplit

from invalidation.doctor.faults import Fault, Finding
from invalidation.doctor.observation import Patient, Reading, read
from invalidation.exceptions import DeliveryError, TransientError, Unproven
from invalidation.http.canary import REACHED

#: How the shipped configurations word their refusals.
REASONS = {"The secret is missing or wrong": Fault.SECRET, "This address may not purge": Fault.ADDRESS}
#: How the shipped Varnish says that its own probe is what keeps visitors away.
PROBE = "does not answer the probe"
REFUSALS = ("401", "403")


def diagnosed(patient: Patient, url: str, held: Reading, error: DeliveryError) -> Finding:
    """The fault behind the error of a purge by URL."""
    fault = _by_reply(error.reply, type(patient.provider).__name__.lower())
    if fault is None and isinstance(error, Unproven):
        fault = Fault.PURGE_FORWARDED if _still(patient, url, held) else Fault.NO_MARKER
    if fault is None and _broke_off(error):
        fault = _by_second_try(patient, url)
    return finding(patient, fault or Fault.PURGE_FAILED, f"{error} {error.reply}".strip())


def finding(patient: Patient, fault: Fault, detail: str = "") -> Finding:
    """The fault at this node."""
    return Finding(fault, patient.provider.tier, patient.provider.node, detail)


def _by_reply(reply: str, product: str) -> Fault | None:
    """What the answer's own words tell; a refusal in the name of another product came from behind this one."""
    if REACHED in reply:
        return Fault.PURGE_FORWARDED
    if not reply.startswith(REFUSALS):
        return None
    worded = next((fault for reason, fault in REASONS.items() if reason in reply), None)
    if worded and f"{product}: " not in reply:
        return Fault.PURGE_FORWARDED
    return worded or Fault.REFUSED


def _still(patient: Patient, url: str, held: Reading) -> bool:
    return read(patient.provider, url).render == held.render


def _broke_off(error: DeliveryError) -> bool:
    """Was the connection lost, rather than an answer given or waited for?"""
    return isinstance(error, TransientError) and not error.reply and "did not answer within" not in str(error)


def _by_second_try(patient: Patient, url: str) -> Fault | None:
    """A connection may be lost by chance once; twice, from a node that brings pages before and after, is a crash."""
    try:
        patient.provider.purge_urls([url])
    except DeliveryError as error:
        return Fault.CRASH if _broke_off(error) and _answers(patient, url) else None
    return None


def _answers(patient: Patient, url: str) -> bool:
    """Pages come again as soon as the worker process is replaced, though the first connection may still be lost."""
    for _ in range(2):
        try:
            return bool(read(patient.provider, url).render)
        except DeliveryError:
            continue
    return False


def stranger(patient: Patient, reading: Reading) -> Finding:
    """What it means that the node brought something else than the canary."""
    host = urlsplit(patient.site).netloc
    if reading.status_code in (HTTPStatus.BAD_REQUEST, HTTPStatus.MISDIRECTED_REQUEST):
        misdirected = reading.status_code == HTTPStatus.MISDIRECTED_REQUEST
        who = "The node serves no site" if misdirected else "The application does not allow a Host"
        return finding(patient, Fault.HOST_MISMATCH, f"{who} named {host} (status {reading.status_code}).")
    if HTTPStatus.MULTIPLE_CHOICES <= reading.status_code < HTTPStatus.BAD_REQUEST:
        return finding(patient, Fault.HOST_MISMATCH, f"It redirects {patient.site} (status {reading.status_code}).")
    if PROBE in reading.text:
        return finding(patient, Fault.PROBE, f"It answered {reading.status_code}.")
    if reading.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return finding(patient, Fault.SOURCE_AWAY, f"It answered {reading.status_code}.")
    return finding(patient, Fault.NOT_SERVED, f"It answered {reading.status_code} for {host}.")

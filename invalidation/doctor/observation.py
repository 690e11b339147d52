"""How the doctor sees a node: what it brings for a canary's URL, and what a purge of it comes to."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from invalidation import conf
from invalidation.exceptions import DeliveryError
from invalidation.freshness import index
from invalidation.freshness.clients import UNAVAILABLE, patient_client
from invalidation.http.canary import Canary
from invalidation.pipeline.delivery import quota
from invalidation.pipeline.planning.plan import Step
from invalidation.providers.base import Provider

#: Appended to a canary's path: what textbook key expressions decode, merge, reorder or leave out.
ODD = "caf%C3%A9//a%2Fb?b=2&a=1"
#: Between two looks at a page whose purge may not have arrived everywhere.
PROPAGATION_PAUSE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Reading:
    """What one node answered when it was asked for a canary."""

    status_code: int
    text: str
    render: str = ""
    """Tells one rendering from the next; empty where the answer is no canary."""

    url: str = ""
    """Under which the application saw it."""

    range: str = ""
    """The part that the application was asked for."""


@dataclass(frozen=True)
class Patient:
    """One node under examination, on one site, with the nodes that it really fills from."""

    provider: Provider
    site: str
    behind: tuple[Provider, ...] = ()
    canaries: list[Canary] = field(default_factory=list)

    def canary(self, *, tags: int = 1, vary: str = "") -> Canary:
        """A page that this node has never seen."""
        self.canaries.append(Canary(tags=tags, vary=vary))
        return self.canaries[-1]

    def url(self, canary: Canary, suffix: str = "") -> str:
        """Its absolute URL."""
        return self.site + canary.path + suffix

    def held(self, url: str, headers: Mapping[str, str] | None = None) -> Reading | None:
        """What the node keeps of a page after it was asked for it twice; None where it keeps nothing."""
        first = read(self.provider, url, headers)
        second = read(self.provider, url, headers)
        return second if second.render and second.render == first.render else None

    def purge(self, url: str, verb: str = "purge_urls", item: str = "") -> None:
        """Purge a URL from the inside out: behind the node by URL, on the node itself by `verb` for `item`.

        Raises:
            DeliveryError: the node itself did not, or its account has no quota left for that.
        """
        for inner in self.behind:
            with suppress(DeliveryError):
                inner.purge_urls([url])
        step = Step(verb, (item or url,))
        quota.spend(self.provider, step)
        getattr(self.provider, verb)(step.items)

    def keeps(self, url: str, before: Reading, headers: Mapping[str, str] | None = None) -> bool:
        """Does the node still bring that rendering, though what is behind it doesn't, once the purge has had time?"""
        deadline = time.monotonic() + self.provider.propagation_seconds
        while (kept := self._keeps(url, before, headers)) and time.monotonic() < deadline:
            time.sleep(PROPAGATION_PAUSE_SECONDS)
        return kept

    def _keeps(self, url: str, before: Reading, headers: Mapping[str, str] | None) -> bool:
        if read(self.provider, url, headers).render != before.render:
            return False
        return not any(_brings(inner, url, before, headers) for inner in self.behind)


def read(provider: Provider, url: str, headers: Mapping[str, str] | None = None) -> Reading:
    """Ask a node for a canary.

    Raises:
        DeliveryError: it can't be reached.
    """
    probe = provider.fetch(url, headers)
    try:
        seen = json.loads(probe.text)
        return Reading(probe.status_code, probe.text, seen["render"], seen["url"], seen["range"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return Reading(probe.status_code, probe.text)


def _brings(provider: Provider, url: str, before: Reading, headers: Mapping[str, str] | None) -> bool:
    try:
        return read(provider, url, headers).render == before.render
    except DeliveryError:
        return False


@contextmanager
def forgetting(patient: Patient) -> Iterator[Patient]:
    """Afterwards the tag index knows none of the canaries that the patient was given."""
    try:
        yield patient
    finally:
        server = patient_client()
        if server is not None:
            with suppress(*UNAVAILABLE):
                for canary in patient.canaries:
                    index.forget(server, _below(patient, canary), map(canary.tag, range(canary.tags)))


def _below(patient: Patient, canary: Canary) -> list[str]:
    return [site + canary.path + suffix for site in {patient.site, *conf.settings().sites} for suffix in ("", ODD)]

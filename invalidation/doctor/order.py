"""Which node really fills from which: a page asked of one is found in those behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from invalidation import conf
from invalidation.conf import graph
from invalidation.doctor.faults import Fault, Finding
from invalidation.doctor.observation import Patient, forgetting, read
from invalidation.exceptions import DeliveryError
from invalidation.providers.base import Provider

Behind = Mapping[Provider, Sequence[Provider]]


def really_behind(providers: Sequence[Provider], site: str) -> Behind:
    """For each node those of other tiers that hold a page which only it was asked for, innermost first.

    Told by the number of copies that a purge removes, so a product that doesn't count them is behind nobody.
    """
    by_provider = {provider: _holders(provider, providers, site) for provider in providers}
    depth = {provider: len(holders) for provider, holders in by_provider.items()}
    return {provider: sorted(holders, key=depth.__getitem__) for provider, holders in by_provider.items()}


def inside(provider: Provider, providers: Sequence[Provider], behind: Behind) -> Sequence[Provider]:
    """The nodes really behind this one, before them those that are declared to be: a faulty one may not have shown."""
    declared = graph.inner(conf.settings().tiers, provider.tier)
    seen = behind[provider]
    return [*(other for other in providers if other.tier in declared and other not in seen), *seen]


def _holders(provider: Provider, providers: Sequence[Provider], site: str) -> list[Provider]:
    with suppress(DeliveryError), forgetting(Patient(provider, site)) as patient:
        url = patient.url(patient.canary())
        if read(provider, url).render:
            others = [other for other in providers if other.tier != provider.tier and other.counts_copies]
            return [other for other in others if _held(other, url)]
    return []


def _held(provider: Provider, url: str) -> bool:
    with suppress(DeliveryError):
        return bool(provider.purge_urls([url]).removed)
    return False


def wrong(tiers: Mapping[str, conf.Tier], behind: Behind, sound: set[str]) -> Iterator[Finding]:
    """Tiers whose FILLS_FROM says something else than was seen.

    That nothing was seen in a tier counts only where both ends are `sound`: a node that stores or purges wrongly
    shows nothing either. Pure.
    """
    seen = _by_tier(behind)
    for name, inner in seen.items():
        declared = graph.inner(tiers, name)
        for other in sorted(inner - declared):
            yield Finding(Fault.WRONG_ORDER, name, detail=f"{name} fills from {other}, but FILLS_FROM does not say so.")
        for other in sorted((declared & set(seen)) - inner):
            if {name, other} <= sound:
                detail = f"{name} is declared to fill from {other}, where a page asked of {name} never arrived."
                yield Finding(Fault.WRONG_ORDER, name, detail=detail)


def _by_tier(behind: Behind) -> dict[str, set[str]]:
    tiers: dict[str, set[str]] = {}
    for provider, holders in behind.items():
        tiers.setdefault(provider.tier, set()).update(holder.tier for holder in holders)
    return tiers

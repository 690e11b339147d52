"""The whole examination: settings, Redis, every tier and node, whatever else is registered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from invalidation import conf
from invalidation.conf import graph
from invalidation.doctor import environment, node, order, probes
from invalidation.doctor.faults import Fault, Finding, Report
from invalidation.doctor.observation import Patient, forgetting
from invalidation.providers.base import Provider
from invalidation.providers.registry import provider


def examine() -> Report:
    """Look at everything once. Takes a second or two; purges its canaries and nothing else."""
    examined_at = timezone.now()
    findings = list(environment.settings())
    if not _readable():
        return Report(examined_at, tuple(findings), ("settings",))
    findings += environment.freshness()
    findings += _tiers()
    for probe in probes.registered().values():
        findings += probe()
    nodes = [f"{one.tier} {one.node}" for one in _patients()]
    return Report(examined_at, tuple(findings), ("settings", "redis", *nodes, *probes.registered()), tuple(_notes()))


def _readable() -> bool:
    """Can every tier be built? The system checks have named what can't."""
    try:
        tiers = conf.settings().tiers.values()
        return all(provider(tier.name, address) for tier in tiers for address in tier.nodes)
    except ImproperlyConfigured:
        return False


def _patients() -> list[Provider]:
    """Nodes that can be examined, innermost tiers first."""
    tiers = conf.settings().tiers
    known = [provider(name, address) for name in graph.order(tiers) for address in tiers[name].nodes]
    return [one for one in known if node.examinable(one)]


def _notes() -> Iterator[str]:
    """Tiers that no canary goes through."""
    settings = conf.settings()
    for tier in settings.tiers.values():
        product = provider(tier.name, tier.nodes[0])
        if product.holds_responses and not product.supports_fetch:
            yield f"{tier.name} was not looked at: nothing says where it can be asked for pages (a CDN's option EDGE)."
        elif product.holds_responses and product.costs_money:
            yield f"{tier.name} was not looked at, because its purges are paid for; verification after purges does."
    if not settings.redis_url:
        yield "Without REDIS_URL neither sequence nor tag index were looked at."


def _tiers() -> Iterator[Finding]:
    """Each node on each site that its tier serves, then the order of these tiers."""
    settings, everybody = conf.settings(), _patients()
    findings: dict[tuple[Fault, str, str], Finding] = {}
    for site in settings.sites:
        patients = [one for one in everybody if site in settings.sites_of(one.tier)]
        behind = order.really_behind(patients, site)
        for one in patients:
            for finding in _node(one, site, order.inside(one, patients, behind)):
                findings.setdefault((finding.fault, finding.tier, finding.node), finding)
        sound = {one.tier for one in patients} - {finding.tier for finding in findings.values()}
        for finding in order.wrong(settings.tiers, behind, sound):
            findings.setdefault((finding.fault, finding.tier, finding.detail), finding)
    yield from findings.values()


def _node(one: Provider, site: str, behind: Iterable[Provider]) -> Iterator[Finding]:
    with forgetting(Patient(one, site, tuple(behind))) as patient:
        yield from node.examined(patient)

"""The plan of one batch for one tier: asks the tag index where the product can't purge by tag, then plans."""

from __future__ import annotations

from invalidation import conf
from invalidation.exceptions import TransientError
from invalidation.freshness import index
from invalidation.freshness.state import UNAVAILABLE, client
from invalidation.models import Batch
from invalidation.pipeline import sites
from invalidation.pipeline.plan import Plan, Resolution, plan, unresolved
from invalidation.providers.registry import provider_class
from invalidation.values import Targets


def planned(batch: Batch, tier: str) -> Plan:
    """Plan what `batch` means for `tier`, as things stand now.

    Raises:
        TransientError: the tag index is needed and its Redis is away.
    """
    return plan_targets(Targets.from_document(batch.targets), tier)


def plan_targets(targets: Targets, tier: str) -> Plan:
    """The same for targets that are not a batch yet."""
    settings = conf.settings()
    product = provider_class(settings.tiers[tier].provider)
    return plan(targets, product, settings.sites, resolution(unresolved(targets, product)))


def resolution(wanted: Targets) -> Resolution:
    """URLs that the tag index knows for what a product can't do by itself."""
    server = client()
    if not wanted or server is None:
        return Resolution(complete=not wanted)
    prefixes = [site for prefix in wanted.prefixes for site in sites.expand(prefix, conf.settings().sites)]
    try:
        tagged, tags_complete = index.urls_of(server, wanted.tags)
        below, prefixes_complete = index.urls_below(server, [""] if wanted.everything else prefixes)
    except UNAVAILABLE as error:
        raise TransientError("The tag index can't be read: its Redis is away.", reply=repr(error)) from error
    return Resolution(frozenset(tagged | below), tags_complete and prefixes_complete)

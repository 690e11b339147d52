"""What a purge removed leaves the tag index: pages that nobody has asked for since cost no further purge."""

from __future__ import annotations

from typing import Any

from invalidation import conf, lazy
from invalidation.freshness import index
from invalidation.freshness.clients import UNAVAILABLE, patient_client
from invalidation.models import Batch, BatchStatus, Pass
from invalidation.providers.registry import provider_class
from invalidation.rows import batches, deliveries
from invalidation.targets import sites

logger = lazy.Logger(__name__)

#: Verification draws its sample from the index, soon after the rebound.
VERIFIED_WITHIN_SECONDS = 60


def retire(database: str, batch: Batch, **_: Any) -> None:
    """Let the pages go that `batch`, a rebound, has removed everywhere for the second time.

    Not those that were rendered after the first purge, or shortly before it: a copy of one may have arrived later.
    """
    if batch.event_count or batch.status != BatchStatus.DONE or batch.tiers or not _went_everywhere(database, batch):
        return
    first = batches.first_sequence(database, batch)
    server = patient_client()
    if server is None or first is None:
        return
    before = first - round(2_000_000 * conf.settings().longest_render_seconds)
    targets = batch.merged
    try:
        urls = sites.expand_known(targets.urls, conf.settings().sites)
        index.retire(server, targets.tags, urls, before=before, within_seconds=VERIFIED_WITHIN_SECONDS)
    except UNAVAILABLE as error:
        logger.warning("index_kept", batch=batch.pk, error=repr(error))


def _went_everywhere(database: str, batch: Batch) -> bool:
    """To every node that holds responses: else one may hold a page that nobody would find again."""
    rows = deliveries.purged_by(database, batch, Pass.REBOUND)
    tiers = [tier for tier in conf.settings().tiers.values() if provider_class(tier.provider).holds_responses]
    wanted = {(tier.name, node) for tier in tiers for node in tier.nodes}
    return wanted <= set(rows.values_list("tier", "node"))

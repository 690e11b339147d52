"""Asks the buckets of a provider's account before each call; without Redis every call may go."""

from __future__ import annotations

import structlog

from invalidation.exceptions import Throttled
from invalidation.freshness import bucket
from invalidation.freshness.bucket import Draw
from invalidation.freshness.state import UNAVAILABLE, client
from invalidation.pipeline.plan import Step
from invalidation.providers.base import Provider

logger = structlog.get_logger(__name__)


def draws(provider: Provider, step: Step) -> list[Draw]:
    """What one call takes from each bucket of the account."""
    wanted = [(rate, rate.cost(step.verb, len(step.items))) for rate in provider.rates()]
    return [Draw(rate.bucket, rate.tokens_per_second, rate.burst, cost) for rate, cost in wanted if cost > 0]


def spend(provider: Provider, step: Step) -> None:
    """Take the tokens for one call.

    Raises:
        Throttled: the account's quota is used up for now; nothing was taken.
    """
    wanted, server = draws(provider, step), client()
    if not wanted or server is None:
        return
    try:
        wait_seconds = bucket.take(server, wanted)
    except UNAVAILABLE as error:
        # A purge that exceeds a quota is refused by the vendor and tried again; one that isn't sent leaves stale pages.
        logger.warning("quota_unknown", tier=provider.tier, error=repr(error))
        return
    if wait_seconds:
        raise Throttled("The account's own quota is used up for now.", retry_after_seconds=wait_seconds)

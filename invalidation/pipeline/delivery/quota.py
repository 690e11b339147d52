"""Asks the buckets of a provider's account before each call; without Redis every call may go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from invalidation import conf, lazy
from invalidation.exceptions import Throttled
from invalidation.freshness import token_bucket
from invalidation.freshness.clients import UNAVAILABLE, ask, client
from invalidation.freshness.token_bucket import Draw
from invalidation.pipeline.planning.plan import Step
from invalidation.providers.base import Provider, Rate

logger = lazy.Logger(__name__)

#: Share of a vendor's rate that is drawn, and what is left of its burst: calls that leave at an even pace arrive at a
#: less even one, by less than this.
DRAWN_SHARE = 0.985
UNEVEN_SECONDS = 0.1


def draws(provider: Provider, step: Step) -> list[Draw]:
    """What one call takes from each bucket of the account."""
    wanted = [(rate, rate.cost(step.verb, len(step.items))) for rate in provider.rates()]
    return [_draw(rate, cost) for rate, cost in wanted if cost > 0]


def _draw(rate: Rate, cost: float) -> Draw:
    """The burst that is left undrawn is smaller where a call needs more of it."""
    saved_up = max(rate.burst - UNEVEN_SECONDS * rate.tokens_per_second, min(cost, rate.burst))
    return Draw(rate.bucket, DRAWN_SHARE * rate.tokens_per_second, saved_up, cost)


def left(providers: Iterable[Provider]) -> dict[str, tuple[float, float]]:
    """What every account behind these has left, by bucket: its tokens, and the seconds for which it gives none.

    One round trip; nothing while Redis is away, or where none is configured.
    """
    rates = {rate.bucket: rate for provider in providers for rate in provider.rates()}
    buckets = [_draw(rate, 0.0) for rate in rates.values()]
    nothing: list[tuple[float, float]] = []
    standing = ask(lambda server: token_bucket.left(server, buckets), nothing) if buckets else nothing
    return dict(zip(rates, standing, strict=False))


def seconds(provider: Provider, steps: Iterable[Step]) -> float:
    """How long the account's quotas make these calls wait altogether, as they stand now; 0 while nobody can tell."""
    wanted: dict[str, float] = {}
    for draw in (draw for step in steps for draw in draws(provider, step)):
        wanted[draw.bucket] = wanted.get(draw.bucket, 0.0) + draw.tokens
    held, rates = left([provider]) if wanted else {}, {rate.bucket: rate for rate in provider.rates()}
    return max((_wait(wanted[name], rates[name], *held[name]) for name in held if name in wanted), default=0.0)


def _wait(wanted: float, rate: Rate, tokens: float, paused_seconds: float) -> float:
    return paused_seconds + max(0.0, wanted - tokens) / (DRAWN_SHARE * rate.tokens_per_second)


def spend(provider: Provider, step: Step) -> None:
    """Take the tokens for one call.

    Raises:
        Throttled: the account's quota is used up for now; nothing was taken.
    """
    wanted, server = draws(provider, step), client()
    if not wanted or server is None:
        return
    try:
        wait_seconds = token_bucket.take(server, wanted)
    except UNAVAILABLE as error:
        # A purge that exceeds a quota is refused by the vendor and tried again; one that isn't sent leaves stale pages.
        logger.warning("quota_unknown", tier=provider.tier, error=repr(error))
        return
    if wait_seconds:
        raise Throttled("The account's own quota is used up for now.", retry_after_seconds=wait_seconds)


@contextmanager
def heeding(provider: Provider, step: Step) -> Iterator[None]:
    """Run the call for `step`: a pause that the vendor asks for is kept by every worker of the account, not just one.

    Its own delivery sees the vendor's words; the others find the bucket empty for as long.
    """
    try:
        yield
    except Throttled as refused:
        _pause(provider, step, refused.retry_after_seconds or 0.0)
        raise


def _pause(provider: Provider, step: Step, asked_seconds: float) -> None:
    paused, server = draws(provider, step), client()
    if not asked_seconds or not paused or server is None:
        return
    seconds = min(asked_seconds, conf.settings().retry.give_up_seconds)
    try:
        token_bucket.pause(server, paused, seconds)
        logger.warning("account_paused", tier=provider.tier, seconds=seconds, buckets=[draw.bucket for draw in paused])
    except UNAVAILABLE as error:
        logger.warning("quota_unknown", tier=provider.tier, error=repr(error))

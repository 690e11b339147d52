"""One delivery: take the lease, run its plan against the node, settle what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.db import Error as DatabaseError
from django.utils import timezone

from invalidation import conf, context, lazy
from invalidation.conf import graph
from invalidation.exceptions import DeliveryError, InvalidTarget, RejectedError, TransientError
from invalidation.models import Delivery, Pass
from invalidation.pipeline import completion, dispatch
from invalidation.pipeline.delivery import lease
from invalidation.pipeline.delivery.backoff import backoff_seconds
from invalidation.pipeline.delivery.breaker import guarded
from invalidation.pipeline.delivery.calls import Turn
from invalidation.pipeline.delivery.stamp import stamp
from invalidation.pipeline.outcome import Outcome, crashed, decide
from invalidation.pipeline.planning.plan import check_steps
from invalidation.pipeline.planning.resolve import planned
from invalidation.providers.base import Provider
from invalidation.providers.registry import provider, provider_class
from invalidation.rows import deliveries
from invalidation.rows.states import Action
from invalidation.signals import deliveries_ready, delivery_settled, tell
from invalidation.targets.values import CachePlace, Manner, Mode

logger = lazy.Logger(__name__)


def deliver(database: str, delivery_id: int) -> Delivery | None:
    """Run one attempt; None where another worker holds the delivery, it is final already, or not due yet.

    Raises:
        django.db.Error: the database is away; the lease runs out and the sweep hands the delivery out again.
    """
    held = lease.take(database, delivery_id)
    if held is None:
        return None
    delivery = held.delivery
    _let_arrive(delivery, resumed=held.resumed)
    started = time.perf_counter()
    try:
        outcome = attempt(held)
    except lease.LeaseLost:
        return None
    milliseconds = 1000 * (time.perf_counter() - started)
    finish(database, delivery, outcome, milliseconds=milliseconds, resumed=held.resumed)
    return delivery


def _let_arrive(delivery: Delivery, *, resumed: bool) -> None:
    """Before a purge that is to be the last: wait until nothing old is on its way to its node any more.

    It counts as begun then by the clock of whoever purged further in, which may be another machine's.
    """
    last = delivery.delivery_pass == Pass.REPEAT or completion.is_metered(delivery.tier, delivery.node)
    if resumed or not last or not conf.settings().freshness.transfer_seconds:
        return
    rows = deliveries.in_order(delivery._state.db or "default", delivery.batch)
    if counts_at := completion.counts_from(rows, delivery.tier):
        seconds = (counts_at - timezone.now()).total_seconds()
        time.sleep(min(max(0.0, seconds), completion.LONGEST_SECONDS + conf.settings().freshness.transfer_seconds))
        delivery.started_at = max(timezone.now(), counts_at)


def finish(database: str, delivery: Delivery, outcome: Outcome, *, milliseconds: float, resumed: bool = False) -> None:
    """Settle, tell the world, and let go on what waits for this delivery. A death meanwhile is left to the sweep."""
    if lease.settle(delivery, outcome, milliseconds=milliseconds, resumed=resumed):
        report(database, delivery, outcome)
        dispatch.after(database, delivery)


def report(database: str, delivery: Delivery, outcome: Outcome) -> None:
    """Tell what became of an attempt, and announce the next one."""
    tell(delivery_settled, "delivery_receiver_failed", database=database, delivery=delivery)
    if not outcome.final:
        retry = {"database": database, "deliveries": [delivery], "wait_seconds": outcome.wait_seconds}
        tell(deliveries_ready, "hand_out_failed", **retry)


def attempt(held: lease.Lease) -> Outcome:
    """Run the calls that are left, and stamp again once values are gone."""
    delivery = held.delivery
    budget = lease.budget(delivery)
    if held.taken_over and budget.attempts > budget.max_attempts:
        return crashed(budget)
    outcome = concluded(delivery, lambda: _run(delivery))
    if outcome.action is Action.PROVE and not provider(delivery.tier, delivery.node).holds_responses:
        stamp(delivery._state.db or "default", delivery.batch)
    return outcome


def concluded(delivery: Delivery, run: Callable[[], Outcome]) -> Outcome:
    """What `run` says, or what it raises means. The one place that catches broadly: a defect must not stop others."""
    with context.following(delivery.batch.correlation_id):
        return _concluded(delivery, run)


def _concluded(delivery: Delivery, run: Callable[[], Outcome]) -> Outcome:
    try:
        return run()
    except (lease.LeaseLost, DatabaseError):
        raise
    except DeliveryError as error:
        failure = error
    except InvalidTarget as error:
        failure = RejectedError(f"What is stored can't be read: {error}")
    except Exception as error:
        logger.exception("delivery_defect", tier=delivery.tier, node=delivery.node, delivery=delivery.pk)
        failure = TransientError(f"{type(error).__name__} in the provider or its configuration; the log has the trace")
    settings = conf.settings()
    wait_seconds = backoff_seconds(
        delivery.attempts,
        base_seconds=settings.retry.backoff_base_seconds,
        cap_seconds=settings.retry.backoff_cap_seconds,
    )
    return decide(failure, lease.budget(delivery), backoff_seconds=wait_seconds)


def _run(delivery: Delivery) -> Outcome:
    """Plan, unless an earlier attempt has, and make calls under the node's breaker."""
    node = prepared(delivery)
    if not delivery.steps:
        return Outcome(Action.PROVE)
    return guarded(delivery.tier, delivery.node, lambda: Turn(delivery, node, lease.keep_progress).run())


def prepared(delivery: Delivery) -> Provider:
    """The node of a delivery that has its plan now."""
    node = purger(delivery.place, delivery.batch.manner)
    node.learn()  # this process may be going on with another one's plan
    if delivery.steps is None:
        plan = planned(delivery.batch, delivery.tier, delivery.node)
        delivery.steps = [step.document() for step in plan.steps]
        delivery.decisions = list(dict.fromkeys([*_texts(delivery.decisions), *plan.decisions]))
        if node.costs_money:
            lease.keep_progress(delivery)  # whoever takes over must make the same call, not a similar one
    check_steps(delivery.steps)
    return node


def purger(place: CachePlace, manner: Manner, *, soft: bool | None = None) -> Provider:
    """The provider of one node as it purges in this manner; `soft` where that is known already."""
    wanted = is_soft(place.tier, manner) if soft is None else soft
    return provider(*place, soft=True) if wanted else provider(*place)


def is_soft(tier: str, manner: Manner) -> bool:
    """Is the old copy shown once more while a new one is fetched?

    Never where anything fills from the tier: a cache outside would keep the old copy for its whole life.
    """
    settings = conf.settings()
    if tier not in settings.tiers or not provider_class(settings.tiers[tier].provider).supports_soft:
        return False
    return settings.mode_at(tier, manner) == Mode.INVALIDATE and not graph.outer(settings.tiers, tier)


def _texts(stored: object) -> list[str]:
    """Another program may have written anything there."""
    return list(map(str, stored)) if isinstance(stored, list) else []

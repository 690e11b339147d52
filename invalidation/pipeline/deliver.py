"""One delivery: take the lease, run its plan against the node, settle what came of it."""

from __future__ import annotations

import time

import structlog
from django.db import Error as DatabaseError

from invalidation import conf
from invalidation.exceptions import DeliveryError, TransientError
from invalidation.models import Delivery
from invalidation.pipeline import advance, lease, quota
from invalidation.pipeline.backoff import backoff_seconds
from invalidation.pipeline.breaker import guarded
from invalidation.pipeline.plan import Step
from invalidation.pipeline.reference import reference
from invalidation.pipeline.resolve import planned
from invalidation.pipeline.transitions import Action, Outcome, crashed, decide, defer
from invalidation.providers.base import Provider, Reply
from invalidation.providers.registry import provider
from invalidation.signals import deliveries_ready, delivery_settled, tell

logger = structlog.get_logger(__name__)

#: A delivery with calls left gives its worker back after this long, so that a takedown need not wait for a long plan;
#: well below every task time limit and lease.
TURN_SECONDS = 5.0
#: Progress is stored at least this often: what a killed worker did since is done again.
PROGRESS_SECONDS = 1.0
MAX_REPLY_CHARACTERS = 2000


def deliver(database: str, delivery_id: int) -> Delivery | None:
    """Run one attempt; None where another worker holds the delivery, it is final already, or not due yet.

    Raises:
        django.db.Error: the database is away; the lease runs out and the sweep hands the delivery out again.
    """
    held = lease.take(database, delivery_id)
    if held is None:
        return None
    delivery = held.delivery
    started = time.perf_counter()
    try:
        outcome = attempt(held)
    except lease.LeaseLost:
        return None
    if lease.settle(delivery, outcome, milliseconds=1000 * (time.perf_counter() - started)):
        _announce(database, delivery, outcome)
    return delivery


def _announce(database: str, delivery: Delivery, outcome: Outcome) -> None:
    """Tell the world, and let go on what waits for this delivery. A death before this is made good by the sweep."""
    tell(delivery_settled, "delivery_receiver_failed", database=database, delivery=delivery)
    if not outcome.final:
        retry = {"database": database, "deliveries": [delivery], "wait_seconds": outcome.wait_seconds}
        tell(deliveries_ready, "hand_out_failed", **retry)
    advance.hand_out(database, delivery.batch)


def attempt(held: lease.Lease) -> Outcome:
    """Run the calls that are left. The one place that catches broadly: a defect must not stop the other tiers."""
    delivery = held.delivery
    budget = lease.budget(delivery)
    if held.taken_over and budget.attempts > budget.max_attempts:
        return crashed(budget)
    try:
        return _run(delivery)
    except (lease.LeaseLost, DatabaseError):
        raise
    except DeliveryError as error:
        failure = error
    except Exception as error:
        logger.exception("delivery_defect", tier=delivery.tier, node=delivery.node, delivery=delivery.pk)
        failure = TransientError(f"{type(error).__name__} in the provider or its configuration; the log has the trace")
    settings = conf.settings()
    wait_seconds = backoff_seconds(
        delivery.attempts, base_seconds=settings.backoff_base_seconds, cap_seconds=settings.backoff_cap_seconds
    )
    return decide(failure, budget, backoff_seconds=wait_seconds)


def _run(delivery: Delivery) -> Outcome:
    """Plan, unless an earlier attempt has, and make calls under the node's breaker."""
    node = provider(delivery.tier, delivery.node)
    node.learn()  # this process may be going on with another one's plan
    if delivery.steps is None:
        plan = planned(delivery.batch, delivery.tier)
        delivery.steps = [step.document() for step in plan.steps]
        delivery.decisions = list(dict.fromkeys([*delivery.decisions, *plan.decisions]))
        if node.costs_money:
            lease.keep_progress(delivery)  # whoever takes over must make the same call, not a similar one
    if not delivery.steps:
        return Outcome(Action.PROVE)
    return guarded(delivery.tier, delivery.node, lambda: _Turn(delivery, node).run())


class _Turn:
    """Calls in order, forgetting those that are done, until none is left, a job is accepted, or the turn is over."""

    def __init__(self, delivery: Delivery, node: Provider) -> None:
        self.delivery = delivery
        self.node = node
        self.replies: list[str] = []
        self.external_id = ""
        self.started = self.stored = time.monotonic()
        self.waits_for_job = bool(delivery.external_id)

    def run(self) -> Outcome:
        """Make them; what a call raises ends the turn."""
        while self._steps:
            reply = self._poll() if self.waits_for_job else self._call()
            self._note(reply)
            if reply.accepted:
                return self._accepted(reply)
            self._forget_step()
            if self._steps and time.monotonic() - self.started > TURN_SECONDS:
                return self._pause()
        return Outcome(Action.PROVE, external_id=self.external_id, reply=self._told)

    @property
    def _steps(self) -> list[dict[str, object]]:
        return self.delivery.steps or []

    @property
    def _told(self) -> str:
        return "\n".join(dict.fromkeys(self.replies))[:MAX_REPLY_CHARACTERS]

    def _call(self) -> Reply:
        step = Step.from_document(self._steps[0])
        quota.spend(self.node, step)
        verb = getattr(self.node, step.verb)
        named = {"reference": reference(self.delivery, step)} if self.node.needs_reference else {}
        reply: Reply = verb(step.items, **named) if step.items else verb(**named)
        self.delivery.calls += 1
        return reply

    def _poll(self) -> Reply:
        return self.node.poll(self.delivery.external_id)

    def _note(self, reply: Reply) -> None:
        self.external_id = reply.external_id
        if reply.raw and len(self.replies) < MAX_REPLY_CHARACTERS:
            self.replies.append(reply.raw)
        if reply.removed is not None:
            self.delivery.removed = (self.delivery.removed or 0) + reply.removed

    def _accepted(self, reply: Reply) -> Outcome:
        """The step stays first until its job has ended. To ask for that consumes no attempt, but has an end too."""
        budget = lease.budget(self.delivery)
        told = Outcome(
            Action.ACCEPT,
            external_id=reply.external_id or self.delivery.external_id,
            reply=self._told,
            wait_seconds=self.node.poll_seconds,
            consumes_attempt=self.delivery.attempts <= 1,
        )
        return told if budget.left_seconds > 0 else defer(_unended(told), budget)

    def _forget_step(self) -> None:
        """The last job's name is kept for people; an earlier one would be asked for again."""
        self._steps.pop(0)
        if self._steps and self.waits_for_job:
            self.delivery.external_id = ""
        self.waits_for_job = False
        if self._steps and (self.node.costs_money or time.monotonic() - self.stored > PROGRESS_SECONDS):
            lease.keep_progress(self.delivery)
            self.stored = time.monotonic()

    def _pause(self) -> Outcome:
        """Done for now: whoever comes next goes on. No attempt is consumed, for calls were made."""
        words = f"{len(self._steps)} calls left; goes on after what is more urgent."
        return Outcome(Action.DEFER, reply=self._told, error=words, consumes_attempt=False)


def _unended(told: Outcome) -> Outcome:
    """An accepted job that the vendor never ends."""
    return Outcome(told.action, external_id=told.external_id, reply=told.reply, error="The vendor's job never ended.")

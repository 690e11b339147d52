"""What the end of an attempt means for its delivery, and for its batch. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from invalidation.exceptions import DeliveryError, RejectedError, Throttled, Unrecognised
from invalidation.models import BatchStatus, DeliveryStatus
from invalidation.rows.states import DEAD_LETTERS, DELIVERY, FINAL, Action


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one attempt."""

    action: Action
    external_id: str = ""
    reply: str = ""
    error: str = ""
    wait_seconds: float = 0.0
    """How long to leave the delivery alone."""

    consumes_attempt: bool = True
    """False: the attempt counts for nothing, whatever the limit."""

    @property
    def status(self) -> DeliveryStatus:
        """The state of a delivery to which this outcome leads."""
        return DELIVERY.target(self.action)

    @property
    def final(self) -> bool:
        """Does this outcome end the delivery?"""
        return self.status in FINAL


@dataclass(frozen=True, slots=True)
class Budget:
    """What a delivery may still spend."""

    attempts: int
    """Attempts so far, the one that just ended included."""

    max_attempts: int
    left_seconds: float
    """Until waiting without an attempt ends as a dead letter."""


def decide(error: DeliveryError, budget: Budget, *, backoff_seconds: float) -> Outcome:
    """What a raised error means for the delivery."""
    failure = Outcome(Action.FAIL, reply=error.reply, error=str(error), wait_seconds=backoff_seconds)
    unrecognised = isinstance(error, Unrecognised) and budget.attempts >= error.attempts_allowed
    if isinstance(error, RejectedError) or unrecognised:
        return replace(failure, action=Action.REJECT, wait_seconds=0.0)
    if isinstance(error, Throttled):
        asked = error.retry_after_seconds or 0.0
        return defer(replace(failure, wait_seconds=max(asked, backoff_seconds)), budget)
    if budget.attempts >= budget.max_attempts:
        return replace(failure, action=Action.EXHAUST, wait_seconds=0.0)
    return failure


def defer(outcome: Outcome, budget: Budget) -> Outcome:
    """Put off an outcome, unless it has been put off for too long; waits never outlast the time left."""
    if budget.left_seconds <= 0:
        sentence = f"{outcome.error} Put off for too long; given up."
        return replace(outcome, action=Action.EXHAUST, error=sentence, wait_seconds=0.0)
    wait_seconds = min(outcome.wait_seconds, budget.left_seconds)
    return replace(outcome, action=Action.DEFER, wait_seconds=wait_seconds, consumes_attempt=False)


def crashed(budget: Budget) -> Outcome:
    """The end of a delivery whose workers died as often as it may be attempted."""
    sentence = (
        f"The last of {budget.max_attempts} attempts never ended: its worker died or was killed, "
        "and so may those before it. See the workers' logs, then replay."
    )
    return Outcome(Action.EXHAUST, error=sentence)


def batch_status(deliveries: Iterable[DeliveryStatus]) -> BatchStatus:
    """Running until every delivery is final; dead if any of them is a dead letter."""
    statuses = set(deliveries)
    if not statuses <= FINAL:
        return BatchStatus.RUNNING
    return BatchStatus.DEAD if DEAD_LETTERS & statuses else BatchStatus.DONE

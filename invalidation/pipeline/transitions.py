"""The delivery machine: every state, every action, and what an attempt's end means. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from invalidation.exceptions import DeliveryError, RejectedError, Throttled
from invalidation.models import BatchStatus, DeliveryStatus

PENDING, RUNNING, PURGED = DeliveryStatus.PENDING, DeliveryStatus.RUNNING, DeliveryStatus.PURGED
ACCEPTED, DEFERRED, FAILED = DeliveryStatus.ACCEPTED, DeliveryStatus.DEFERRED, DeliveryStatus.FAILED
REJECTED, DEAD = DeliveryStatus.REJECTED, DeliveryStatus.DEAD


class Action(StrEnum):
    """What can happen to a delivery."""

    LEASE = "lease"  # a worker takes it, or takes it over from a dead one
    PROVE = "prove"  # the cache proved the purge
    ACCEPT = "accept"  # the vendor took a job
    DEFER = "defer"  # not now; no attempt consumed
    FAIL = "fail"  # try again later
    REJECT = "reject"  # never try again
    EXHAUST = "exhaust"  # no attempts left
    REPLAY = "replay"  # a person wants it tried again


#: The whole machine. What isn't here can't happen: a final state is left by replay alone.
TRANSITIONS: dict[tuple[DeliveryStatus, Action], DeliveryStatus] = {
    (PENDING, Action.LEASE): RUNNING,
    (FAILED, Action.LEASE): RUNNING,
    (DEFERRED, Action.LEASE): RUNNING,
    (ACCEPTED, Action.LEASE): RUNNING,
    (RUNNING, Action.LEASE): RUNNING,
    (RUNNING, Action.PROVE): PURGED,
    (RUNNING, Action.ACCEPT): ACCEPTED,
    (RUNNING, Action.DEFER): DEFERRED,
    (RUNNING, Action.FAIL): FAILED,
    (RUNNING, Action.REJECT): REJECTED,
    (RUNNING, Action.EXHAUST): DEAD,
    (REJECTED, Action.REPLAY): PENDING,
    (DEAD, Action.REPLAY): PENDING,
}
DEAD_LETTERS = frozenset({REJECTED, DEAD})
FINAL = frozenset({PURGED}) | DEAD_LETTERS


def sources(action: Action) -> frozenset[DeliveryStatus]:
    """States in which `action` is possible."""
    return frozenset(status for status, possible in TRANSITIONS if possible == action)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one attempt."""

    action: Action
    removed: int | None = None
    calls: int = 0
    external_id: str = ""
    reply: str = ""
    error: str = ""
    wait_seconds: float = 0.0
    """How long to leave the delivery alone."""

    @property
    def status(self) -> DeliveryStatus:
        """The state that it leads to."""
        return TRANSITIONS[RUNNING, self.action]


def decide(error: DeliveryError, *, attempts: int, max_attempts: int, backoff_seconds: float) -> Outcome:
    """What a raised error means for the delivery. `attempts` counts the one that just ended."""
    told = Outcome(Action.FAIL, reply=error.reply, error=str(error), wait_seconds=backoff_seconds)
    if isinstance(error, RejectedError):
        return replace(told, action=Action.REJECT)
    if isinstance(error, Throttled):
        return replace(told, action=Action.DEFER, wait_seconds=max(error.retry_after_seconds or 0.0, backoff_seconds))
    return replace(told, action=Action.EXHAUST) if attempts >= max_attempts else told


def batch_status(deliveries: list[DeliveryStatus]) -> BatchStatus:
    """Running until every delivery is final; dead if any of them is a dead letter."""
    if not FINAL.issuperset(deliveries):
        return BatchStatus.RUNNING
    return BatchStatus.DEAD if DEAD_LETTERS & set(deliveries) else BatchStatus.DONE

"""From which state to which a row may go: of events, batches and deliveries. What isn't here can't happen. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Generic, TypeVar

from invalidation.models import BatchStatus, DeliveryStatus, EventStatus

State = TypeVar("State")
Move = TypeVar("Move")


@dataclass(frozen=True, eq=False)
class Machine(Generic[State, Move]):
    """The states of one table's rows."""

    moves: Mapping[tuple[State, Move], State]
    born: frozenset[State]
    """States in which a row may be stored."""

    def sources(self, move: Move) -> frozenset[State]:
        """States in which `move` is possible."""
        return frozenset(state for state, possible in self.moves if possible == move)

    def target(self, move: Move) -> State:
        """The state to which `move` leads."""
        return self._targets[move]

    @cached_property
    def _targets(self) -> dict[Move, State]:
        return {move: state for (_, move), state in self.moves.items()}


class EventMove(StrEnum):
    """What can happen to an event."""

    CLAIM = "claim"  # a drain makes it part of a batch
    COMPLETE = "complete"  # every delivery of its batch was confirmed
    FAIL = "fail"  # at least one was not
    BURY = "bury"  # what it says can't be read
    RETURN = "return"  # a person wants it read again
    REOPEN = "reopen"  # a person wants a delivery of its batch tried again


class BatchMove(StrEnum):
    """What can happen to a batch."""

    COMPLETE = "complete"  # every delivery was confirmed
    FAIL = "fail"  # at least one is a dead letter, and none is open
    REOPEN = "reopen"  # a person wants one tried again


class Action(StrEnum):
    """What can happen to a delivery."""

    LEASE = "lease"  # a worker takes it, or takes it over from a dead one
    PROVE = "prove"  # the cache proved the purge
    ACCEPT = "accept"  # the vendor took a job
    DEFER = "defer"  # not now; no attempt consumed
    FAIL = "fail"  # try again later
    REJECT = "reject"  # never try again
    EXHAUST = "exhaust"  # no attempts or no time left
    REPLAY = "replay"  # a person wants it tried again


EVENT = Machine(
    {
        (EventStatus.PENDING, EventMove.CLAIM): EventStatus.CLAIMED,
        (EventStatus.CLAIMED, EventMove.COMPLETE): EventStatus.DONE,
        (EventStatus.CLAIMED, EventMove.FAIL): EventStatus.DEAD,
        (EventStatus.PENDING, EventMove.BURY): EventStatus.DEAD,
        (EventStatus.DEAD, EventMove.RETURN): EventStatus.PENDING,
        (EventStatus.DEAD, EventMove.REOPEN): EventStatus.CLAIMED,
    },
    born=frozenset({EventStatus.PENDING}),
)

BATCH = Machine(
    {
        (BatchStatus.RUNNING, BatchMove.COMPLETE): BatchStatus.DONE,
        (BatchStatus.RUNNING, BatchMove.FAIL): BatchStatus.DEAD,
        (BatchStatus.DEAD, BatchMove.REOPEN): BatchStatus.RUNNING,
    },
    born=frozenset({BatchStatus.RUNNING, BatchStatus.DEAD}),  # dead: it carries what can't be read
)

PENDING, RUNNING, PURGED = DeliveryStatus.PENDING, DeliveryStatus.RUNNING, DeliveryStatus.PURGED
ACCEPTED, DEFERRED, FAILED = DeliveryStatus.ACCEPTED, DeliveryStatus.DEFERRED, DeliveryStatus.FAILED
REJECTED, DEAD = DeliveryStatus.REJECTED, DeliveryStatus.DEAD

#: A final state is left by replay alone.
DELIVERY = Machine(
    {
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
    },
    born=frozenset({PENDING, REJECTED}),  # rejected: what its event says can't be read
)

DEAD_LETTERS = frozenset({REJECTED, DEAD})
FINAL = frozenset({PURGED}) | DEAD_LETTERS
#: Waits that end at `available_at`.
WAITING = frozenset({FAILED, DEFERRED, ACCEPTED})

"""One drain at a time claims the events of a database in this process; one that comes meanwhile leaves them to it.

Drains side by side would cut what is pending into small batches, each of which costs nearly as much as a large one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from invalidation.targets.values import Lane

#: A drain ends its turn long before; one that has not hangs, perhaps in its database, and is waited for no more.
LOST_SECONDS = 60.0
ALL: Sequence[str] = tuple(Lane.values)
#: What a second drain sees to while the first is at bulk work.
URGENT: Sequence[str] = (Lane.TAKEDOWN, Lane.EDITORIAL)
#: What one that a takedown has sent sees to, whatever the others are at.
FOREMOST: Sequence[str] = (Lane.TAKEDOWN,)


@dataclass(slots=True, eq=False)
class Seat:
    """What one drain may claim, and what it is at."""

    lanes: Sequence[str]
    lane: str = ""
    """Of the batch at work; "" while there is none."""

    called: bool = False
    """Did another drain leave its events to this one?"""

    taken_at: float = field(default_factory=time.monotonic)
    """Reading of the monotonic clock."""


@dataclass(slots=True)
class Helm:
    """Who drains which database."""

    seats: dict[str, list[Seat]] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def take(self, database: str, lane: str = "") -> Seat | None:
        """A seat for a drain that an event of this lane asked for; None where others have them, who are called."""
        with self.changed:
            taken = self.seats.setdefault(database, [])
            if lanes := _free(taken, lane):
                taken.append(seat := Seat(lanes))
                return seat
            for seat in taken:
                seat.called = True
            self.changed.notify_all()
            return None

    def is_called(self, seat: Seat, *, wait_seconds: float = 0.0) -> bool:
        """Has another drain left events to this one since it last asked? Waits that long for one to do so."""
        with self.changed:
            self.changed.wait_for(lambda: seat.called, wait_seconds)
            called, seat.called = seat.called, False
            return called

    def leave(self, database: str, seat: Seat, *, anyway: bool = False) -> bool:
        """Give the seat up, unless another drain has left events to this one meanwhile."""
        with self.changed:
            if seat.called and not anyway:
                return False
            taken = self.seats[database]
            if seat in taken:
                taken.remove(seat)
            self._hand_over(seat, taken)
            return True

    def _hand_over(self, seat: Seat, taken: Sequence[Seat]) -> None:
        """What sent a drain that may not claim everything may lie in a lane that it has not looked at."""
        for other in taken if seat.lanes != ALL else ():
            other.called = True
        if taken and not any(other.lanes == ALL for other in taken):
            taken[0].lanes = ALL
        self.changed.notify_all()


def _free(taken: Sequence[Seat], lane: str) -> Sequence[str]:
    alive = [seat for seat in taken if time.monotonic() - seat.taken_at < LOST_SECONDS]
    if not alive:
        return ALL
    if [seat.lane for seat in alive] == [Lane.BULK]:
        return URGENT
    served = any(seat.lane == Lane.TAKEDOWN or seat.lanes == FOREMOST for seat in alive)
    return FOREMOST if lane == Lane.TAKEDOWN and not served else ()


helm = Helm()

"""Takedowns while one node after the other misbehaves, visitors are hostile, and nothing else is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from django.db import close_old_connections

import invalidation
from invalidation.emission.api import stored
from invalidation.models import Delivery, Event, Pass
from invalidation.targets.values import Lane
from tests.chaos.faults import MOODS, STAND_INS, Act
from tests.chaos.recorder import mood_of
from tests.chaos.site import SECRET
from tests.chaos.strike import Strikes

#: Between two takedowns.
PAUSE_SECONDS = 0.5
#: What a takedown behind one node is given before the next one misbehaves: it is to be judged by the first alone.
BETWEEN_SECONDS = 3.0


@dataclass(slots=True)
class Takedowns:
    """What was taken down behind which node, and how long that took everywhere else."""

    behind: dict[str, tuple[Act, str]] = field(default_factory=dict)
    """How which node misbehaved, by the id of the event."""

    seconds: dict[str, float] = field(default_factory=dict)
    """From commit to the first proof of the last other node, by the id of the event."""

    again_seconds: list[float] = field(default_factory=list)
    """From commit to the last proof: each proxy is purged once more when nothing old is on its way to it any more."""

    def of(self, mood: Act) -> list[float]:
        """Those behind a node with this mood."""
        return [seconds for uid, seconds in self.seconds.items() if self.behind[uid][0] == mood]

    unfinished: list[str] = field(default_factory=list)
    """Events that some other node has never proved."""


def carry_out(strikes: Strikes, seconds: float) -> Takedowns:
    """So many seconds of each mood, each at another node."""
    done = Takedowns()
    for number, mood in enumerate(MOODS):
        victim = STAND_INS[number % len(STAND_INS)]
        with _misbehaving(strikes, mood, victim), strikes.world.flood("nginx", seed=number):
            for _ in range(round(seconds / PAUSE_SECONDS)):
                close_old_connections()
                tag = f"takedown:{mood.value}:{len(done.behind)}"
                event = stored(invalidation.invalidate(tags=[tag], lane=Lane.TAKEDOWN, reason="chaos"))
                done.behind[str(event.uid)] = mood, strikes.world.place.node_of(victim)
                strikes.run((), PAUSE_SECONDS)
            strikes.run((), BETWEEN_SECONDS)
    return done


@contextmanager
def _misbehaving(strikes: Strikes, mood: Act, victim: str) -> Iterator[None]:
    told = mood_of(strikes.world.place.log_of(victim))
    told.write_text(mood.value)
    yield
    told.unlink()


def measure(done: Takedowns) -> None:
    """Once everything has ended: how long each took at the nodes that did not misbehave."""
    for uid, (_, misbehaved) in done.behind.items():
        event = Event.objects.get(uid=uid)
        rows = list(Delivery.objects.filter(batch=event.batch, delivery_pass=Pass.PURGE).exclude(node=misbehaved))
        ends = [row.completed_at for row in rows if row.completed_at]
        if not ends or len(ends) < len(rows):
            done.unfinished.append(uid)
        else:
            done.seconds[uid] = (max(map(first_proof, rows)) - event.created_at).total_seconds()
            done.again_seconds.append((max(ends) - event.created_at).total_seconds())


def first_proof(row: Delivery) -> datetime:
    """When its node had proved it for the first time: a second purge begins after the end of the first attempt."""
    begun_again = row.started_at and row.attempted_at and row.started_at > row.attempted_at
    found = row.attempted_at if begun_again and row.attempts == 1 else row.completed_at
    assert found
    return found


def secrets_told() -> int:
    """Deliveries whose words hold the purge secret, because a node had repeated it."""
    return sum(SECRET in f"{row.reply} {row.error}" for row in Delivery.objects.only("reply", "error").iterator())

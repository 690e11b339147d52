"""Which fault strikes whom, when and for how long; the same for the same seed. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Act(StrEnum):
    """What is done to a server."""

    KILL = "kill"  # SIGKILL to all its processes; started again after a while, with its data
    KILL_CHILD = "kill child"  # SIGKILL to one process of a pool
    FREEZE = "freeze"  # SIGSTOP, and SIGCONT after a while
    RESTART = "restart"  # asked to end, and started again
    FORGET = "kill and forget"  # SIGKILL, and started again without its data
    FLUSH = "flush"  # FLUSHALL
    LIMIT = "limit memory"  # refuses every write for a while
    DRIP = "drip"  # answers a byte at a time, and never ends
    ENDLESS = "endless"  # answers without end, as fast as it is read
    ECHO = "echo"  # answers an error that repeats the request, its secret included
    LIE = "lie"  # says 200 and purges nothing
    FLOOD = "flood"  # hostile requests, as many as it takes


#: How a node misbehaves without being away; each is also what a stand-in is told to do.
MOODS = (Act.DRIP, Act.ENDLESS, Act.ECHO, Act.LIE)
KILLS = frozenset({Act.KILL, Act.KILL_CHILD, Act.FORGET})


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault: how often compared with the others, and how long until it is healed."""

    act: Act
    victims: tuple[str, ...]
    weight: float
    seconds: tuple[float, float] = (0.3, 1.5)


WRITERS = ("writer-1", "writer-2", "writer-3", "writer-4", "writer-5")
WORKERS = ("worker-threads", "worker-processes")
STAND_INS = ("shield-1", "shield-2", "edge-1")

KINDS = (
    Kind(Act.KILL, WRITERS, 24),
    Kind(Act.KILL_CHILD, ("web",), 16),
    Kind(Act.KILL, ("web",), 3),
    Kind(Act.KILL, WORKERS, 8),
    Kind(Act.KILL_CHILD, ("worker-processes",), 8),
    Kind(Act.FREEZE, WORKERS, 2, (1.0, 6.0)),
    Kind(Act.KILL, ("beat",), 5),
    Kind(Act.KILL, STAND_INS, 12, (0.3, 4.0)),
    Kind(Act.FREEZE, STAND_INS, 5, (1.0, 5.0)),
    *(Kind(mood, STAND_INS, 3, (1.0, 5.0)) for mood in MOODS),
    Kind(Act.FLOOD, ("nginx", "varnish"), 3, (1.0, 4.0)),
    Kind(Act.KILL, ("redis",), 3),
    Kind(Act.FORGET, ("redis",), 3),
    Kind(Act.FREEZE, ("redis",), 3, (1.0, 5.0)),
    Kind(Act.FLUSH, ("redis",), 3),
    Kind(Act.LIMIT, ("redis",), 2, (2.0, 5.0)),
    Kind(Act.KILL, ("postgres",), 4),
    Kind(Act.RESTART, ("postgres",), 2),
    Kind(Act.FREEZE, ("postgres",), 2, (1.0, 4.0)),
    Kind(Act.KILL, ("varnish", "nginx"), 3, (0.5, 3.0)),
    Kind(Act.FREEZE, ("varnish", "nginx"), 4, (1.0, 5.0)),
)
#: Mean pause between two faults.
PAUSE_SECONDS = 1.9


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault."""

    after_seconds: float
    """Since the beginning of the run."""

    act: Act
    victim: str
    seconds: float
    """Until it is healed."""

    def __str__(self) -> str:
        return f"{self.after_seconds:.1f} s: {self.act} {self.victim} for {self.seconds:.1f} s"


def faults(seed: int, seconds: float, servers: Sequence[str]) -> Iterator[Fault]:
    """What strikes these servers within so many seconds."""
    chance = random.Random(seed)
    kinds = [kind for kind in KINDS if set(kind.victims) <= set(servers)]
    weights = [kind.weight for kind in kinds]
    after_seconds = 0.0
    while True:
        after_seconds += chance.uniform(0.2, 2 * PAUSE_SECONDS - 0.2)
        if after_seconds > seconds:
            return
        kind = chance.choices(kinds, weights)[0]
        yield Fault(after_seconds, kind.act, chance.choice(kind.victims), chance.uniform(*kind.seconds))

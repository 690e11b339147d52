"""Strikes the world with faults, and heals each when its time is over."""

from __future__ import annotations

import contextlib
import heapq
import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from itertools import count

import redis

from deploy.local.processes import children_of
from tests.chaos.faults import KILLS, MOODS, STAND_INS, Act, Fault
from tests.chaos.hostile.flood import Flood
from tests.chaos.recorder import mood_of
from tests.chaos.world import TICK_SECONDS, World


class Strikes:
    """Carries out a schedule of faults while it tends the world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.done: Counter[tuple[str, str]] = Counter()
        """Faults by act and victim."""
        self.skipped = 0
        """Faults whose victim was down already."""
        self.flooded: Counter[str] = Counter()
        """Hostile requests, by the status of their answers."""
        self._floods: list[Flood] = []
        self._healing: list[tuple[float, int, Callable[[], object]]] = []
        self._number = count()
        self._client = redis.Redis(port=world.place.redis.port, socket_timeout=1, socket_connect_timeout=1)

    @property
    def kills(self) -> int:
        """How many processes or servers got a SIGKILL."""
        return sum(number for (act, _), number in self.done.items() if act in KILLS)

    def run(self, faults: Iterable[Fault], seconds: float) -> None:
        """Until `seconds` are over."""
        started = time.monotonic()
        waiting = list(faults)[::-1]
        while (elapsed := time.monotonic() - started) < seconds:
            while waiting and waiting[-1].after_seconds <= elapsed:
                self.strike(waiting.pop())
            self.tend()
            time.sleep(TICK_SECONDS)

    def tend(self) -> None:
        """Heal what is due, start what is down."""
        while self._healing and self._healing[0][0] <= time.monotonic():
            heapq.heappop(self._healing)[2]()
        self.world.tend()

    def heal(self) -> None:
        """All of it, now."""
        self._healing.clear()
        for flood in list(self._floods):
            self._ebb(flood)
        for name in STAND_INS:
            mood_of(self.world.place.log_of(name)).unlink(missing_ok=True)
        self.world.heal()
        self._unlimited()

    def strike(self, fault: Fault) -> None:
        """One fault, now."""
        if not self.world.services[fault.victim].running:
            self.skipped += 1
            return
        acts: dict[Act, Callable[[Fault], object]] = {
            Act.KILL: self._kill,
            Act.KILL_CHILD: self._kill_child,
            Act.FREEZE: self._freeze,
            Act.RESTART: self._restart,
            Act.FORGET: self._forget,
            Act.FLUSH: self._flush,
            Act.LIMIT: self._limit,
            Act.FLOOD: self._flood,
            **dict.fromkeys(MOODS, self._mood),
        }
        acts[fault.act](fault)
        self.done[fault.act, fault.victim] += 1

    def _later(self, fault: Fault, heal: Callable[[], object]) -> None:
        heapq.heappush(self._healing, (time.monotonic() + fault.seconds, next(self._number), heal))

    def _kill(self, fault: Fault) -> None:
        if fault.victim == "redis":
            self.world.place.redis.persistent = True
        self.world.services[fault.victim].kill()
        self.world.due[fault.victim] = time.monotonic() + fault.seconds

    def _kill_child(self, fault: Fault) -> None:
        children = children_of(self.world.services[fault.victim].pid)
        if children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(random.Random(fault.after_seconds).choice(children), signal.SIGKILL)

    def _freeze(self, fault: Fault) -> None:
        service = self.world.services[fault.victim]
        service.freeze()
        self._later(fault, service.thaw)

    def _restart(self, fault: Fault) -> None:
        self.world.services[fault.victim].stop()
        self.world.due[fault.victim] = time.monotonic() + fault.seconds

    def _forget(self, fault: Fault) -> None:
        """A Redis without persistence; were its old file left there, an older state would come back later."""
        self._kill(fault)
        self.world.place.redis.persistent = False
        shutil.rmtree(self.world.place.redis.data_folder)

    def _flush(self, _: Fault) -> None:
        with contextlib.suppress(redis.RedisError):  # it may be frozen
            self._client.flushall()

    def _limit(self, fault: Fault) -> None:
        with contextlib.suppress(redis.RedisError):
            self._client.config_set("maxmemory-policy", "noeviction")
            self._client.config_set("maxmemory", 1)
            self._later(fault, self._unlimited)

    def _mood(self, fault: Fault) -> None:
        told = mood_of(self.world.place.log_of(fault.victim))
        told.write_text(fault.act.value)
        self._later(fault, partial(told.unlink, missing_ok=True))

    def _flood(self, fault: Fault) -> None:
        flood = self.world.flood(fault.victim, seed=self.flooded.total())
        self._floods.append(flood.__enter__())
        self._later(fault, partial(self._ebb, flood))

    def _ebb(self, flood: Flood) -> None:
        flood.stop()
        self._floods.remove(flood)
        self.flooded.update(flood.answers)

    def _unlimited(self) -> None:
        try:
            self._client.config_set("maxmemory", 0)
        except redis.ConnectionError:  # killed meanwhile: it starts without a limit
            return
        except redis.TimeoutError:  # frozen meanwhile
            self._later(Fault(0, Act.LIMIT, "redis", 1.0), self._unlimited)

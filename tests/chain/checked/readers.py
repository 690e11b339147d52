"""Visitors: a process that asks every tier for pages as fast as they come, or as it is told, and notes what it sees."""

from __future__ import annotations

import multiprocessing
import pickle
import random
import selectors
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.synchronize import Event as Flag
from pathlib import Path
from urllib.parse import urlsplit

from tests.chain.checked.notes import ORIGIN, Notes
from tests.chain.checked.wire import Lane, Malformed

#: Requests sent at once on one connection: more would hold an answer against a question that is long past.
DEPTH = 4
#: How often each page is asked of the origin, which has the proxies' visitors to serve.
ORIGIN_PAUSE_SECONDS = 20.0
#: Visitors go on for so long after the last change.
TAIL_SECONDS = 2.0
WAIT_SECONDS = 0.01
#: Varnish refuses at once while it believes the application to be ill: asked on and on it would do nothing else.
UNAVAILABLE, RESPITE_SECONDS = 503, 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Whom to ask for what, until when."""

    host: str
    tiers: Mapping[str, str]
    """Tier to its address."""

    paths: Sequence[str]
    seconds: float
    reads: int
    """At least so long, and at least so many."""

    rate: float
    """Most answers a second."""

    seed: int

    def request(self, path: str) -> bytes:
        """Uncompressed, so that the answer can be read."""
        fields = f"Host: {self.host}\r\nAccept-Encoding: identity\r\nUser-Agent: checker\r\n\r\n"
        return f"GET {path} HTTP/1.1\r\n{fields}".encode()

    def lanes(self) -> list[Lane]:
        """One for each page of each tier: a page that is being rendered holds up no other."""
        places = {tier: urlsplit(url) for tier, url in self.tiers.items()}
        return [
            Lane(tier, (place.hostname or "", place.port or 80), number, self.request(path))
            for tier, place in places.items()
            for number, path in enumerate(self.paths)
        ]


class Crowd:
    """Every lane at once, in one thread."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.notes = Notes(plan.paths)
        self.dice = random.Random(plan.seed)
        self.lanes = plan.lanes()
        self.selector = selectors.DefaultSelector()
        begin = time.monotonic()
        for lane in self.lanes:
            lane.ask_at = begin + self._pause(lane)

    def visit(self, over: Callable[[], bool]) -> None:
        """Ask until it is over, and hear out the last answers."""
        while not over():
            self._ask()
            self._hear()

    def _ask(self) -> None:
        now = time.monotonic()
        for lane in self.lanes:
            if lane.idle and now >= lane.ask_at:
                lane.ask_at = now + self._pause(lane)
                self._send(lane)

    def _send(self, lane: Lane) -> None:
        try:
            if not lane.connection:
                self.selector.register(lane.connect(), selectors.EVENT_READ, lane)
            lane.ask(1 if lane.tier == ORIGIN else DEPTH)
        except OSError:
            self._close(lane)

    def _pause(self, lane: Lane) -> float:
        """So that all lanes together keep to the rate, none in step with another."""
        usual = ORIGIN_PAUSE_SECONDS if lane.tier == ORIGIN else DEPTH * len(self.lanes) / self.plan.rate
        return self.dice.uniform(0, 2) * usual

    def _hear(self) -> None:
        for key, _ in self.selector.select(WAIT_SECONDS):
            lane: Lane = key.data
            try:
                for answer in lane.receive():
                    self.notes.add(lane.tier, lane.path, answer)
                    if answer.message.status == UNAVAILABLE:
                        lane.ask_at = time.monotonic() + RESPITE_SECONDS
            except (OSError, Malformed):
                self._close(lane)
            else:
                if lane.idle and lane.tier == ORIGIN:
                    self._close(lane)

    def _close(self, lane: Lane) -> None:
        if lane.connection:
            self.selector.unregister(lane.connection)
        if lost := lane.close():
            self.notes.answers[f"{lane.tier} without an answer"] += lost


def _crowd(plan: Plan, file: Path, enough: Flag, over: Flag) -> None:
    """Say when there was enough, and end when that is over for everybody."""
    crowd, until = Crowd(plan), time.monotonic() + plan.seconds

    def is_over() -> bool:
        if not enough.is_set() and time.monotonic() >= until and crowd.notes.reads >= plan.reads:
            enough.set()
        return over.is_set()

    crowd.visit(is_over)
    crowd.notes.bodies.clear()
    file.write_bytes(pickle.dumps(crowd.notes))


class Visitors:
    """A process of them, forked before anything else has threads; `join` gives their notes."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        context = multiprocessing.get_context("fork")
        self.enough, self.over = context.Event(), context.Event()
        self.file = folder / "visitors.notes"
        self.process = context.Process(target=_crowd, args=(plan, self.file, self.enough, self.over), daemon=True)
        self.process.start()

    def satisfied(self) -> bool:
        """Have they seen enough? They go on until `join`; one that died has too."""
        return self.enough.is_set() or not self.process.is_alive()

    def join(self) -> Notes:
        """End them some moments after the last change."""
        time.sleep(TAIL_SECONDS)
        self.over.set()
        self.process.join()
        notes: Notes = pickle.loads(self.file.read_bytes())
        return notes

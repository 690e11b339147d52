"""Programs that run at the same time, in every order of their steps: each in a thread, halted at its points.

Nothing here waits for time to pass: a program goes on when it is its turn, and the others stand still meanwhile.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

Program = Callable[[], object]
_current = threading.local()


def point() -> None:
    """The end of a step; nothing where no schedule runs."""
    actor = getattr(_current, "actor", None)
    if actor is not None:
        actor.halt()


class Actor:
    """Runs one program after another in a thread of its own, a step at a time."""

    def __init__(self) -> None:
        self._go, self._halted = threading.Semaphore(0), threading.Semaphore(0)
        self._program: Program | None = None
        self._error: BaseException | None = None
        threading.Thread(target=self._run, daemon=True).start()

    def take(self, program: Program) -> None:
        """To be run from now on."""
        self._program = program

    def step(self) -> None:
        """Go on to the next point; nothing once the program has ended."""
        if self._program is None:
            return
        self._go.release()
        self._halted.acquire()
        if self._error is not None:
            raise self._error

    def finish(self) -> None:
        """Go on to the end."""
        while self._program is not None:
            self.step()

    def halt(self) -> None:
        """Hand back, and wait for the next turn."""
        self._halted.release()
        self._go.acquire()

    def _run(self) -> None:
        _current.actor = self
        while True:
            self._go.acquire()
            try:
                if self._program is not None:
                    contextvars.Context().run(self._program)
            except BaseException as error:  # noqa: BLE001 (raised where the step was asked for)
                self._error = error
            self._program = None
            self._halted.release()


def orders(lengths: Mapping[str, int]) -> Iterator[list[str]]:
    """Every sequence that holds each name as often as it has steps."""
    left = {name: length for name, length in lengths.items() if length}
    if not left:
        yield []
    for name, length in left.items():
        for rest in orders({**left, name: length - 1}):
            yield [name, *rest]


def run(order: Sequence[str], programs: Mapping[str, Program], actors: Mapping[str, Actor]) -> None:
    """The programs in this order of their steps; what is left over at its end, in turn."""
    for name, program in programs.items():
        actors[name].take(program)
    for name in order:
        actors[name].step()
    for name in programs:
        actors[name].finish()

"""What every stand-in for a CDN's API does: faults on demand, a log of accepted purges, a control endpoint."""

from __future__ import annotations

import argparse
import signal
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from deploy.local import free_port
from tests.stand_ins.copies import Copies
from tests.stand_ins.server import Request, Reset, Response, Server

CONTROL = "/__control/"
FAULTS = frozenset({"throttled", "error", "hang", "reset", "garbage", "slow", "lost", "unauthorized", "echo"})
GARBAGE = b"<html><body>It works!</body></html>"


@dataclass
class Fault:
    """One way to misbehave, for the next `times` requests."""

    kind: str
    times: int = 1
    status: int = 500
    seconds: float = 0.0
    """How long to be slow, to hang, or to ask for a pause; 0 asks for one of no particular length."""


class Vendor:
    """One vendor's API on a port of its own; context manager. Subclasses answer its requests.

    Faults: `throttled`, `error`, `hang`, `reset`, `garbage`, `slow`, `lost` (accepted, but the answer never arrives),
    `unauthorized`, `echo` (an error that repeats the request's headers), and those of the vendor alone.
    """

    name: ClassVar[str] = ""
    own_faults: ClassVar[frozenset[str]] = frozenset()
    """Faults that only this vendor has; handed to `answer`."""

    def __init__(self, *, port: int = 0) -> None:
        self.copies = Copies()
        self.log: list[dict[str, Any]] = []
        """Accepted purges, oldest first."""

        self.refusals: list[dict[str, Any]] = []
        """Requests that exceeded a limit."""

        self.requests = 0
        self.faults: deque[Fault] = deque()
        self._released = threading.Event()
        self._lock = threading.Lock()
        self._server = Server(self, port or free_port())
        self._running = ExitStack()

    @property
    def url(self) -> str:
        return self._server.url

    def answer(self, request: Request, fault: str) -> Response:
        """Do what the vendor does."""
        raise NotImplementedError

    def throttled(self, seconds: float) -> Response:
        """The vendor's own "too many"."""
        raise NotImplementedError

    def unauthorized(self) -> Response:
        """The vendor's own refusal of credentials."""
        raise NotImplementedError

    def fail(self, kind: str, times: int = 1, **details: Any) -> None:
        """Misbehave from the next request on."""
        if kind not in FAULTS | self.own_faults:
            raise ValueError(f"{self.name} has no fault {kind!r}.")
        self.faults.append(Fault(kind, times, **details))

    def forget(self) -> None:
        """Back to the first state, but for the limits."""
        self._released.set()
        self.faults.clear()
        self.log.clear()
        self.refusals.clear()
        self.copies.remove(lambda _: True)

    def note(self, **purge: Any) -> None:
        """Put an accepted purge into the log."""
        with self._lock:
            self.log.append({"at": time.time(), **purge})

    def refuse(self, what: str, seconds: float) -> Response:
        """Answer a request that exceeds a limit."""
        with self._lock:
            self.refusals.append({"at": time.time(), "limit": what, "seconds": seconds})
        return self.throttled(seconds)

    def respond(self, request: Request) -> Response:
        """Answer as the vendor does, unless a fault is due."""
        if request.path.startswith(CONTROL):
            return self._control(request, request.path.removeprefix(CONTROL))
        with self._lock:
            self.requests += 1
            fault = self._next_fault()
        return self._misbehave(fault, request) if fault else self.answer(request, "")

    def _next_fault(self) -> Fault | None:
        if not self.faults:
            return None
        fault = self.faults[0]
        fault.times -= 1
        if fault.times <= 0:
            self.faults.popleft()
        return fault

    def _misbehave(self, fault: Fault, request: Request) -> Response:
        answers: dict[str, Callable[[], Response]] = {
            "throttled": lambda: self.throttled(fault.seconds),
            "error": lambda: Response(fault.status, b"upstream error"),
            "garbage": lambda: Response(200, GARBAGE, {"Content-Type": "text/html"}),
            "unauthorized": self.unauthorized,
            "echo": lambda: Response(400, repr(dict(request.headers)).encode()),
        }
        return answers[fault.kind]() if fault.kind in answers else self._break(fault, request)

    def _break(self, fault: Fault, request: Request) -> Response:
        """Faults that end without the vendor's answer, and those of the vendor alone."""
        if fault.kind == "hang":
            self._released.clear()
            self._released.wait(fault.seconds or 60)
            raise Reset
        if fault.kind == "slow":
            time.sleep(fault.seconds)
        if fault.kind in ("lost", "slow"):
            answer = self.answer(request, "")
            if fault.kind == "slow":
                return answer
        if fault.kind in self.own_faults:
            return self.answer(request, fault.kind)
        raise Reset

    def _control(self, request: Request, action: str) -> Response:
        if request.method == "GET":
            shown: dict[str, Any] = {"log": self.log, "refusals": self.refusals, "copies": self.copies.urls()}
            return Response.json(200, shown.get(action, sorted(shown)))
        if action == "faults":
            self.fail(**request.document)
        elif action == "copies":
            self.copies.store(request.document["url"], *request.document.get("tags", ()))
        elif action == "forget":
            self.forget()
        return Response.json(200, {"ok": True})

    def __enter__(self) -> Self:
        self._running.enter_context(self._server)
        return self

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self._running.close()


def parser(vendor: type[Vendor]) -> argparse.ArgumentParser:
    """The options that every stand-in has on the command line."""
    options = argparse.ArgumentParser(description=vendor.__doc__)
    options.add_argument("--port", type=int, default=0, help="port of 127.0.0.1; a free one if left out")
    return options


def serve(vendor: Vendor) -> None:
    """Run until interrupted or terminated."""
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    with vendor:
        print(f"{vendor.name} at {vendor.url}", flush=True)  # noqa: T201 (a command line program)
        over.wait()

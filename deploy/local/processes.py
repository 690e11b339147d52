"""Starts, stops, kills and freezes one server process with all its children."""

from __future__ import annotations

import atexit
import contextlib
import os
import secrets
import signal
import socket
import subprocess
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self, TypeVar

from deploy.local.guardian import Guardian
from deploy.local.interrupts import held_back

#: Below Linux' ephemeral range (32768 and up): no outgoing connection can take the port of a stopped server.
PORTS = range(10_000, 32_000)
POLL_SECONDS = 0.02

Result = TypeVar("Result")

#: Port to the descriptor of a socket under a name that stands for it: another process can't take the name, and it ends
#: with this one.
_handed_out: dict[int, int] = {}
_guardian = Guardian()
_running: weakref.WeakSet[Service] = weakref.WeakSet()


class ServiceFailed(RuntimeError):
    """A server did not start, or a condition did not come true in time; the message ends with its log."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody uses, and that no process on this machine has been given before.

    A server binds it later, and may be stopped and started again: in between it belongs to whoever asked for it.
    """
    while True:
        port = secrets.choice(PORTS)
        if port not in _handed_out and _reserve(port):
            return port


def _reserve(port: int) -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as name, socket.socket() as probe:
        # Linux' abstract names vanish with their socket (unix(7)).
        name.bind(f"\0port {port} of 127.0.0.1 is reserved")
        probe.bind(("127.0.0.1", port))
        _handed_out[port] = name.detach()
    return port in _handed_out


def accepts(port: int) -> bool:
    """Does anything listen on this port of 127.0.0.1?"""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def ask(port: int, question: bytes) -> bytes:
    """First bytes of the answer to raw bytes sent to a port of 127.0.0.1; empty if there is none within a second."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
        connection.sendall(question)
        return connection.recv(1024)
    return b""


#: A stopped process stands still at once, unless it waits for a disk.
FREEZE_SECONDS = 10


def wait_for(condition: Callable[[], Result], seconds: float, what: str) -> Result:
    """Poll until `condition` gives something true, and return it.

    Raises:
        ServiceFailed: it did not within `seconds`; `what` says what was waited for.
    """
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise ServiceFailed(f"Waited {seconds:g} s in vain for {what}.")
        time.sleep(POLL_SECONDS)
    return result


class Service:
    """One server in a process group of its own, its output in `<state_folder>/<name>.log`.

    Give a command, or subclass and override `command`, `prepare` and `is_ready`. Usable as a context manager.
    Whatever happens to the process that started it, no process of the service survives it.
    """

    stop_signal = signal.SIGTERM

    def __init__(
        self,
        name: str,
        state_folder: Path,
        command: Sequence[str] = (),
        *,
        ready: Callable[[], object] | None = None,
        environment: Mapping[str, str] | None = None,
        working_folder: Path | None = None,
    ) -> None:
        """`environment` is added to this process' own; without `ready` a service is ready as soon as it runs."""
        self.name = name
        self.state_folder = Path(state_folder).resolve()
        self.environment = dict(environment or {})
        self.working_folder = working_folder
        self._command = list(command)
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None
        self._dismissed = False

    def command(self) -> list[str]:
        """Program and arguments; must stay in the foreground."""
        return self._command

    def prepare(self) -> None:
        """Write what the server reads at its start; runs before every start."""

    def is_ready(self) -> bool:
        """Does it answer?"""
        return bool(self._ready()) if self._ready else True

    @property
    def log(self) -> Path:
        """File that holds all output."""
        return self.state_folder / f"{self.name}.log"

    @property
    def pid(self) -> int:
        """Number of the first process, which is also the number of its group."""
        if self._process is None:
            raise ServiceFailed(f"{self.name} has not been started.")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Is the first process alive?"""
        return self._process is not None and self._process.poll() is None

    def start(self, seconds: float = 60) -> Self:
        """Start and wait until ready.

        Raises:
            ServiceFailed: it ended or did not answer in time.
        """
        self.launch()
        return self.wait_until_ready(seconds)

    def launch(self) -> Self:
        """Start without waiting; for several services at once."""
        self.state_folder.mkdir(parents=True, exist_ok=True)
        self.prepare()
        # A process that is interrupted between the birth of a server and its registration would leave it behind.
        with held_back(), self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.environment},
                cwd=self.working_folder,
                start_new_session=True,
            )
            self._dismissed = False
            _guardian.watch(self._process.pid)
            _running.add(self)
        return self

    def wait_until_ready(self, seconds: float = 60) -> Self:
        """Poll `is_ready`; end the service and raise if the process dies or the time is over."""
        try:
            wait_for(lambda: not self.running or self.is_ready(), seconds, f"{self.name} to be ready")
        except BaseException as failure:
            self.kill()
            failure.add_note(self.log_tail())
            raise
        if not self.running:
            raise ServiceFailed(f"{self.name} ended before it was ready:\n{self.log_tail()}")
        return self

    def dismiss(self) -> None:
        """Ask it to end, once: some servers drop what they are doing when they are asked again."""
        if self.running and not self._dismissed:
            self.thaw()
            os.kill(self.pid, self.stop_signal)
            self._dismissed = True

    def stop(self, seconds: float = 10) -> None:
        """Ask it to end, and kill what is left after `seconds`."""
        if self.running:
            self.dismiss()
            with contextlib.suppress(ServiceFailed):
                wait_for(lambda: not self.running, seconds, f"{self.name} to end")
        self.kill()

    def kill(self) -> None:
        """SIGKILL to every process of the service."""
        if self._process is None:
            return
        self._signal(signal.SIGKILL)
        self._process.wait()
        _guardian.forget(self._process.pid)
        _running.discard(self)

    def freeze(self) -> None:
        """SIGSTOP to every process: connections stay open, and once this returns nothing answers."""
        self._signal(signal.SIGSTOP)
        wait_for(self._is_frozen, FREEZE_SECONDS, f"{self.name} to stand still")

    def _is_frozen(self) -> bool:
        """Do all stand still? A server may have forked another while its processes were stopped one by one."""
        processes = [self.pid, *children_of(self.pid)] if self.running else []
        if all(map(_is_stopped, processes)):
            return True
        self._signal(signal.SIGSTOP)
        return False

    def thaw(self) -> None:
        """SIGCONT after `freeze`."""
        self._signal(signal.SIGCONT)

    def restart(self, seconds: float = 60) -> Self:
        """Stop and start on the same port with the same state."""
        self.stop()
        return self.start(seconds)

    def log_tail(self, characters: int = 4000) -> str:
        """The end of the log."""
        return self.log.read_text(errors="replace")[-characters:] if self.log.exists() else ""

    def _signal(self, number: signal.Signals) -> None:
        """To descendants first: PostgreSQL's are in groups of their own, and an orphan can't be found again."""
        descendants = children_of(self.pid) if self.running else []
        for pid in descendants:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def __enter__(self) -> Self:
        return self if self.running else self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def _is_stopped(pid: int) -> bool:
    """Does the process stand still, or is it gone? See proc(5), "stat".

    One that waits in the kernel, such as for a child that was stopped before it had replaced itself (vfork), stops
    before it goes on.
    """
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "TtZXD"
    except OSError:
        return True


def children_of(pid: int) -> list[int]:
    """Every living descendant of a process."""
    children: list[int] = []
    with contextlib.suppress(OSError):
        for tasks in Path(f"/proc/{pid}/task").iterdir():
            children += map(int, (tasks / "children").read_text().split())
    return children + [grandchild for child in children for grandchild in children_of(child)]


@atexit.register
def stop_all() -> None:
    """End every service that is still running."""
    for service in list(_running):
        service.kill()

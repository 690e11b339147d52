"""Follows a page of the documents in an empty folder, typing what it says into shells of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local import ServiceFailed, wait_for
from tests.adoption.page import Type, Write, answered, steps
from tests.fixtures.wheel import UV

#: Until a command answers as the page says.
PATIENCE_SECONDS = 60
#: Preparations of the machine, which `make test` makes in its own way.
SKIPPED = ("sudo ",)
#: Variables of whoever runs the tests that would say something to the new project.
OURS = ("DJANGO_SETTINGS_MODULE", "PURGE_SECRET", "PYTHONPATH", "VIRTUAL_ENV", "DATABASE_URL", "REDIS_URL")


@dataclass
class Follower:
    """Types what a page says into a shell of its own, in one folder."""

    folder: Path
    wheel: Path
    ports: dict[str, str]
    """The page's ports, and those that are free here."""

    exports: list[str] = field(default_factory=list)
    terminals: list[subprocess.Popen[bytes]] = field(default_factory=list)
    said: str = ""
    """By the newest command."""

    def follow(self, page: Path) -> None:
        """Every step, in order."""
        for step in steps(page):
            if isinstance(step, Write):
                self._write(step)
            elif not step.command.startswith(SKIPPED):
                self._type(step)

    def type(self, command: str, *answers: str, stays: bool = False) -> None:
        """One command, as if a page had shown it."""
        self._type(Type(command, answers, stays))

    def _write(self, step: Write) -> None:
        path = self.folder / step.path
        path.parent.mkdir(exist_ok=True)
        with path.open("a") as file:
            file.write(f"\n{self.here(step.code)}")

    def _type(self, step: Type) -> None:
        if re.match(r"export |\. ", step.command):
            self.exports.append(self._exported(step.command))
        elif step.stays:
            self.terminals.append(self._started(self.here(step.command)))
        else:
            self._patiently(step)

    def _patiently(self, step: Type) -> None:
        """What was started in other terminals may take a moment."""
        try:
            wait_for(lambda: self._does(step), PATIENCE_SECONDS, f"{step.command!r} to answer {step.answers}")
        except ServiceFailed as error:
            raise AssertionError(f"{error}\nIt answered:\n{self.said}\n{self.logs()}") from error

    def _exported(self, command: str) -> str:
        """A value that is made up is made up once."""
        name, _, value = command.partition("=")
        return f"{name}={self._run(f'printf %s {value}')}" if "$(" in value else command

    def _does(self, step: Type) -> bool:
        """One that is said to answer nothing in particular has to succeed at once."""
        self.said = self._run(self.here(step.command), check=not step.answers)
        return answered(self.said, tuple(map(self.here, step.answers)))

    def _run(self, command: str, *, check: bool = True) -> str:
        done = subprocess.run(self._shell(command), cwd=self.folder, capture_output=True, text=True, check=False)
        assert not (check and done.returncode), f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def _started(self, command: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"terminal-{len(self.terminals)}.log").open("wb") as log:
            return subprocess.Popen(
                self._shell(f"exec {command}"), cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )

    def _shell(self, command: str) -> list[str]:
        """With nothing of the site that tests it."""
        unset = [word for name in OURS for word in ("-u", name)]
        return ["env", *unset, "bash", "-o", "pipefail", "-c", " && ".join([*self.exports, command])]

    def here(self, text: str) -> str:
        """The same with the ports of this machine, and the wheel instead of the name in the index."""
        for known, free in self.ports.items():
            text = re.sub(rf"(?<=[: ]){known}\b", free, text)
        if text.startswith("pip install"):
            text = re.sub(r"django-invalidation(\[\w+\])?", rf"{self.wheel}\1", text).replace("pip", f"{UV} pip", 1)
        return text

    def leave(self) -> None:
        """Close every terminal."""
        for terminal in self.terminals:
            os.killpg(terminal.pid, signal.SIGTERM)
        deadline = time.monotonic() + 10
        for terminal in self.terminals:
            try:
                terminal.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(terminal.pid, signal.SIGKILL)
                terminal.wait()

    def logs(self) -> str:
        """What the terminals show."""
        return "\n".join(
            f"--- {log.name}\n{log.read_text(errors='replace')}" for log in sorted(self.folder.glob("terminal-*.log"))
        )

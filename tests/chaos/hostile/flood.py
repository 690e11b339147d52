"""Threads that send hostile requests to servers of this machine, as many as they take; bounded in number and time."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Self

from tests.chaos.hostile.wishes import wish

LOOPBACK = "127.0.0.1"
TIMEOUT_SECONDS = 2.0
#: After a request that nobody answered.
PAUSE_SECONDS = 0.02
#: Of an answer, as many as tell its status.
READ_BYTES = 4096


class Flood:
    """Runs from entering the block to leaving it, or until it has sent `most` requests."""

    def __init__(
        self,
        ports: Sequence[int],
        host: str,
        paths: Sequence[str],
        *,
        seed: int = 1,
        threads: int = 4,
        most: int = 10_000_000,
    ) -> None:
        self.answers: Counter[str] = Counter()
        """By status; "" where the connection was ended without one."""
        self._ports, self._host, self._paths, self._most = list(ports), host, list(paths), most
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(random.Random(f"{seed}-{number}"),)) for number in range(threads)
        ]

    def __enter__(self) -> Self:
        self.started_at = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """No more requests; those under way are given up."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def sent(self) -> int:
        """Requests so far."""
        return self.answers.total()

    def _run(self, chance: random.Random) -> None:
        while not self._stop.is_set() and self.sent < self._most:
            status = sent(chance.choice(self._ports), wish(chance, self._paths, self._host))
            self.answers[status] += 1
            if not status:
                self._stop.wait(PAUSE_SECONDS)


def sent(port: int, request: bytes) -> str:
    """The status that the answer begins with; "" where there is no answer."""
    with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), TIMEOUT_SECONDS) as connection:
        connection.sendall(request)
        words = connection.recv(READ_BYTES).split(b" ", 2)
        return words[1].decode("latin-1") if len(words) > 1 else ""
    return ""

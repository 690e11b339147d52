"""Hears from Nginx of each PURGE that it served, and of each emptying: the requests that end a stale page's life."""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections import defaultdict
from typing import Any, Self

#: socket(7): the kernel says when a packet came, to the nanosecond, however late this process reads it.
SO_TIMESTAMPNS = 35
SO_RCVBUFFORCE = 33
BUFFER_BYTES = 64_000_000
PURGED = re.compile(rb'"PURGE (\S+) HTTP/1\.[01]" (?:200|404|412) ')
#: A plan of many calls empties it instead.
EMPTIED = re.compile(rb'"PUT / HTTP/1\.[01]" (?:201|204) ')


class PurgeLog:
    """A log server on a socket of its own, for `access_log`; a context manager."""

    def __init__(self) -> None:
        self.times: defaultdict[str, list[int]] = defaultdict(list)
        """When each path was purged by name, in nanoseconds of the machine's clock."""

        self.emptied: list[int] = []
        """When all of them were, by the same clock."""

        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._enlarge()
        self._socket.bind(("127.0.0.1", 0))
        self._reader = threading.Thread(target=self._read, daemon=True)

    @property
    def destination(self) -> str:
        """What `access_log` is given."""
        return f"syslog:server=127.0.0.1:{self._socket.getsockname()[1]},nohostname"

    def first_since(self, path: str, nanoseconds: int) -> int | None:
        """When the path was purged for the first time after this moment."""
        found = (next((at for at in times if at >= nanoseconds), None) for times in (self.times[path], self.emptied))
        return min((at for at in found if at is not None), default=None)

    def _enlarge(self) -> None:
        """Room for what comes while this process is not scheduled; only root may have so much."""
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
        except PermissionError:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)

    def _read(self) -> None:
        while True:
            line, told, _, _ = self._socket.recvmsg(4096, 64)
            if not line:
                return
            if (found := PURGED.search(line)) is not None:
                self.times[found[1].decode()].append(_nanoseconds(told))
            elif EMPTIED.search(line):
                self.emptied.append(_nanoseconds(told))

    def __enter__(self) -> Self:
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self._socket.getsockname())
        self._reader.join()
        self._socket.close()


def _nanoseconds(told: list[tuple[int, int, Any]]) -> int:
    seconds, nanoseconds = struct.unpack("qq", told[0][2])
    return int(seconds) * 1_000_000_000 + int(nanoseconds)

"""Kept connections of one node, shared by the threads of this process and by no other process."""

from __future__ import annotations

import os
import time
import weakref
from collections import deque

from invalidation.providers.wire.connection import Connection, Place
from invalidation.providers.wire.deadline import Deadline

#: Most that wait for the next request: as many as a worker has threads.
MOST_KEPT = 8
#: Longer unused, one may have been forgotten by a firewall on the way, which tells nobody.
KEPT_SECONDS = 30.0


class Pool:
    """Connections to one place. The ends of a deque are safe to use from several threads without a lock.

    A lock could be held by another thread at the moment of a fork, and would never be free in the child.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self._kept: deque[Connection] = deque()
        self._process = os.getpid()
        weakref.finalize(self, _close_all, self._kept)

    def kept(self, deadline: Deadline) -> Connection | None:
        """The one that was used last and still is usable."""
        self._disown()
        while connection := _last(self._kept):
            if time.monotonic() - connection.used_at < KEPT_SECONDS and connection.is_usable():
                connection.deadline, connection.is_fresh = deadline, False
                return connection
            connection.close()
        return None

    def opened(self, deadline: Deadline) -> Connection:
        """A new one."""
        return Connection.open(self.place, deadline)

    def keep(self, connection: Connection) -> None:
        """For the next request."""
        if len(self._kept) >= MOST_KEPT:
            connection.close()
            return
        connection.used_at = time.monotonic()
        self._kept.append(connection)

    def close(self) -> None:
        """End those that wait."""
        _close_all(self._kept)

    def _disown(self) -> None:
        """After a fork: the parent goes on using its connections, so the child lets go of its copies of them."""
        if self._process != os.getpid():
            self._process = os.getpid()
            _close_all(self._kept)


def _last(kept: deque[Connection]) -> Connection | None:
    """Taken from the end, unless another thread was faster."""
    try:
        return kept.pop()
    except IndexError:
        return None


def _close_all(kept: deque[Connection]) -> None:
    while connection := _last(kept):
        connection.close()

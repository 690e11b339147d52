"""Connections of `requests` that a deadline over the whole exchange ends: whoever watches their sockets shuts them.

The library's own timeouts bound each read: a server that sends a byte now and then would hold a worker for ever.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache
from socket import SHUT_RDWR, socket
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from invalidation.providers.wire.connection import Place, opened, tls_context
from invalidation.providers.wire.deadline import Deadline


class Watch:
    """One exchange: when its time is over, its sockets are shut, which ends whatever waits for them."""

    def __init__(self, seconds: float) -> None:
        self.deadline = Deadline.after(seconds)
        self.is_over = False
        self._lines: list[socket] = []
        self._lock = threading.Lock()

    def add(self, line: socket) -> None:
        """Watch this one too, by a twin of our own: a connection is closed before a reply that ends with it is read."""
        with self._lock:
            self._lines.append(line.dup())
            if self.is_over:
                _shut(line)

    def end(self) -> None:
        """Shut them all."""
        with self._lock:
            self.is_over = True
            for line in self._lines:
                _shut(line)

    def close(self) -> None:
        """Let go of them."""
        with self._lock:
            for line in self._lines:
                line.close()
            self._lines.clear()


_watch: ContextVar[Watch] = ContextVar("watch")


@contextmanager
def watched(seconds: float) -> Iterator[Watch]:
    """Within, connections of this thread belong to one exchange, which ends in so many seconds."""
    watch = Watch(seconds)
    timer = threading.Timer(seconds, watch.end)
    timer.daemon = True
    token = _watch.set(watch)
    timer.start()
    try:
        yield watch
    finally:
        timer.cancel()
        watch.close()
        _watch.reset(token)


def _shut(line: socket) -> None:
    with suppress(OSError):
        line.shutdown(SHUT_RDWR)


class _Watched(HTTPConnection):
    """Its socket has a twin, which stays valid when TLS takes the socket over."""

    _twin: socket | None = None

    def _new_conn(self) -> socket:
        watch = _watch.get()
        made = opened(Place(self._dns_host, self.port or self.default_port, is_secure=False), watch.deadline)
        self._twin = made.dup()
        watch.add(self._twin)
        return made

    def request(self, *arguments: Any, **named: Any) -> None:
        """Over a kept connection, too."""
        if self._twin:
            _watch.get().add(self._twin)
        super().request(*arguments, **named)

    def close(self) -> None:
        """With its twin."""
        super().close()
        if self._twin:
            self._twin.close()
            self._twin = None


class _WatchedSecure(_Watched, HTTPSConnection):
    """The same with TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Watched


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _WatchedSecure


class Adapter(HTTPAdapter):
    """Trusts the system's authorities, as the client of the proxies does, and keeps connections."""

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        """Of connections that are watched."""
        super().init_poolmanager(*arguments, ssl_context=_trust(), **named)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def cert_verify(self, *_: Any, **__: Any) -> None:
        """The context has said all: the library would add authorities of its own."""


@cache
def _trust() -> ssl.SSLContext:
    """One of its own, for the library sets it up further: `tls_context` is that of the proxies' connections."""
    return tls_context.__wrapped__()

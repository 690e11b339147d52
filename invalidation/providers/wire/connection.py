"""One connection to a node: opened, written and read under a deadline, after which its socket is closed."""

from __future__ import annotations

import socket
import ssl
import time
from contextlib import suppress
from functools import cache
from typing import NamedTuple

from invalidation.providers.wire.deadline import Deadline
from invalidation.providers.wire.faults import Broken, Fault, TooLate
from invalidation.providers.wire.resolving import SocketAddress, addresses
from invalidation.providers.wire.stream import Stream

RECEIVED_BYTES = 65_536
#: A peer that takes what we send byte by byte is asked how late it is after each of these.
SENT_BYTES = 16_384


class Place(NamedTuple):
    """Where a node listens."""

    host: str
    port: int
    is_secure: bool


@cache
def tls_context() -> ssl.SSLContext:
    """The system's authorities, names checked; SSL_CERT_FILE and SSL_CERT_DIR name others."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


class Connection:
    """Bytes to and from one node. Whoever takes it sets its deadline."""

    __slots__ = ("_socket", "deadline", "is_fresh", "stream", "used_at")

    def __init__(self, opened: socket.socket, deadline: Deadline) -> None:
        self._socket = opened
        self.deadline = deadline
        self.stream = Stream(self._receive)
        self.is_fresh = True
        """Was nothing asked over it yet?"""

        self.used_at = time.monotonic()

    @classmethod
    def open(cls, place: Place, deadline: Deadline) -> Connection:
        """Connect, and shake hands where the node is secure.

        Raises:
            TooLate, Broken: as they say.
        """
        try:
            return cls(opened(place, deadline), deadline)
        except OSError as error:
            raise _fault(error) from None

    def send(self, data: bytes) -> None:
        """Write all of it."""
        try:
            for first in range(0, len(data), SENT_BYTES):
                self._socket.settimeout(self.deadline.left_seconds())
                self._socket.sendall(data[first : first + SENT_BYTES])
        except OSError as error:
            raise _fault(error) from None

    def is_usable(self) -> bool:
        """Is it still open, and silent as one is of which nothing was asked? Waits for nothing."""
        if self.stream.waiting:
            return False
        try:
            self._socket.setblocking(False)
            self._socket.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        return False

    def close(self) -> None:
        """End it, whatever is under way."""
        with suppress(OSError):
            self._socket.close()

    def _receive(self) -> bytes:
        try:
            self._socket.settimeout(self.deadline.left_seconds())
            return self._socket.recv(RECEIVED_BYTES)
        except OSError as error:
            raise _fault(error) from None


def opened(place: Place, deadline: Deadline) -> socket.socket:
    """A socket to the first of the host's addresses that answers.

    Raises:
        TooLate, OSError: as they say.
    """
    failure: OSError = OSError("its name has no address")
    for family, address in addresses(place.host, place.port, deadline):
        made = socket.socket(family, socket.SOCK_STREAM)
        try:
            return _connected(made, address, place, deadline)
        except (TimeoutError, TooLate):
            made.close()
            raise
        except OSError as error:
            made.close()
            failure = error
    raise failure


def _connected(opened: socket.socket, address: SocketAddress, place: Place, deadline: Deadline) -> socket.socket:
    opened.settimeout(deadline.left_seconds())
    opened.connect(address)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not place.is_secure:
        return opened
    opened.settimeout(deadline.left_seconds())
    return tls_context().wrap_socket(opened, server_hostname=place.host)


def _fault(error: OSError) -> Fault:
    """The system's error as ours."""
    if isinstance(error, TimeoutError):
        return TooLate()
    return Broken(error.strerror or str(error) or type(error).__name__)

"""A server that does to its clients what a broken, slow or lying cache may do: one behaviour for each way."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from typing import Self

#: Between two bytes that drip; well below the timeouts of the tests, so that no single read is late.
DRIP_SECONDS = 0.05
HEAD = b"HTTP/1.1 200 OK\r\n"
ENDLESS_LENGTH = b"Content-Length: 1000000\r\n\r\n"
#: The beginning of a TLS server's first message, of which the rest never comes.
HANDSHAKE = b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc\x03\x03" + bytes(100)
VARNISH_PURGED = b"HTTP/1.1 200 Purged\r\nX-Purged-By: varnish\r\nX-Purge-Count: 1\r\nContent-Length: 0\r\n\r\n"


class Peer:
    """One client's connection."""

    def __init__(self, connection: socket.socket, over: threading.Event, number: int) -> None:
        self.connection = connection
        self.over = over
        self.number = number
        """0 for the first connection."""

        self._received = b""

    def request(self) -> bytes:
        """The head of the next request; empty at the end."""
        while b"\r\n\r\n" not in self._received:
            piece = self.connection.recv(65_536)
            if not piece:
                return b""
            self._received += piece
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        return head

    def requests(self) -> Iterator[bytes]:
        """Each that comes."""
        while head := self.request():
            yield head

    def send(self, data: bytes) -> None:
        """At once."""
        self.connection.sendall(data)

    def drip(self, data: Callable[[int], bytes] = lambda _: b"x") -> None:
        """Pieces without end, one after a pause each."""
        for number in count():
            if self.over.wait(DRIP_SECONDS):
                return
            self.send(data(number))

    def reset(self) -> None:
        """End it with RST."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


Behaviour = Callable[[Peer], object]


def drips_a_body(peer: Peer) -> None:
    """A proof in the headers, and a body that takes for ever."""
    peer.request()
    peer.send(VARNISH_PURGED.replace(b"Content-Length: 0\r\n\r\n", ENDLESS_LENGTH))
    peer.drip()


def drips_headers(peer: Peer) -> None:
    """Header bytes, one by one."""
    peer.request()
    peer.send(HEAD + b"X-Long: ")
    peer.drip()


def drips_header_lines(peer: Peer) -> None:
    """One header after the other."""
    peer.request()
    peer.send(HEAD)
    peer.drip(lambda number: b"X-%d: y\r\n" % number)


def continues_for_ever(peer: Peer) -> None:
    """100 Continue, for ever, as fast as it can."""
    peer.request()
    while not peer.over.is_set():
        peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")


def drips_continues(peer: Peer) -> None:
    """100 Continue, slowly."""
    peer.request()
    peer.drip(lambda number: b"HTTP/1.1 100 Continue\r\n\r\n" if number % 8 == 0 else b"")


def drips_chunks(peer: Peer) -> None:
    """Chunks of one byte, without a last one."""
    peer.request()
    peer.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    peer.drip(lambda _: b"1\r\nx\r\n")


def drips_a_chunk_size(peer: Peer) -> None:
    """A chunk whose size never ends."""
    peer.request()
    peer.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    peer.drip(lambda _: b"0")


def never_ends_its_reply(peer: Peer) -> None:
    """A body that would end with the connection."""
    peer.request()
    peer.send(HEAD + b"\r\n")
    peer.drip()


def never_reads(peer: Peer) -> None:
    """Accepts the connection, and takes nothing from it."""
    peer.over.wait()


def never_answers(peer: Peer) -> None:
    """Takes the request, and keeps silent."""
    peer.request()
    peer.over.wait()


def hangs_in_the_handshake(peer: Peer) -> None:
    """Accepts the connection; TLS is never spoken."""
    peer.over.wait()


def drips_the_handshake(peer: Peer) -> None:
    """TLS, byte by byte."""
    peer.drip(lambda number: HANDSHAKE[number : number + 1] or b"\0")


PLAIN: tuple[Behaviour, ...] = (
    drips_a_body,
    drips_headers,
    drips_header_lines,
    continues_for_ever,
    drips_continues,
    drips_chunks,
    drips_a_chunk_size,
    never_ends_its_reply,
    never_answers,
)
SECURE: tuple[Behaviour, ...] = (hangs_in_the_handshake, drips_the_handshake)


class Hostile:
    """Listens on a port of 127.0.0.1 and behaves so to each client; context manager."""

    def __init__(self, behave: Behaviour) -> None:
        self.behave = behave
        self._open: list[socket.socket] = []
        self._over = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []

    @property
    def connections(self) -> int:
        """So many have come."""
        return len(self._open)

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._listening.getsockname()[1]}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for one in (self._listening, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(10)

    def _start(self, work: Callable[..., object], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while not self._over.is_set():
                connection, _ = self._listening.accept()
                self._open.append(connection)
                self._start(self._serve, connection, len(self._open) - 1)

    def _serve(self, connection: socket.socket, number: int) -> None:
        connection.settimeout(30)
        with connection, suppress(OSError):
            self.behave(Peer(connection, self._over, number))


class Full:
    """A port that is listened to and whose queue is full, so that nobody is answered; context manager."""

    #: More than the shortest queue takes.
    CALLERS = 8

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=0)
        self._callers: list[socket.socket] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Self:
        for _ in range(self.CALLERS):
            caller = socket.socket()
            caller.setblocking(False)
            caller.connect_ex(self._listening.getsockname())
            self._callers.append(caller)
        return self

    def __exit__(self, *_: object) -> None:
        for one in (*self._callers, self._listening):
            one.close()

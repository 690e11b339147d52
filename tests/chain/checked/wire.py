"""Kept connections with several requests on their way: a client library takes longer for an answer than a proxy."""

from __future__ import annotations

import socket
import time
from collections import deque
from typing import NamedTuple

RECEIVED_BYTES = 1 << 18
TIMEOUT_SECONDS = 30
HEAD_END = b"\r\n\r\n"


class Malformed(Exception):
    """An answer that this reader does not understand."""


class Message(NamedTuple):
    """One answer off the wire."""

    status: int
    head: bytes
    """As it came, with its last line's end."""

    body: bytes

    def header(self, name: bytes) -> str:
        """Value of a header; "" where there is none."""
        lines = self.head.lower()
        start = lines.find(b"\r\n" + name.lower() + b":")
        if start < 0:
            return ""
        start += len(name) + 3
        return self.head[start : self.head.index(b"\r\n", start)].decode("latin-1").strip()


def take(received: bytes, start: int) -> tuple[Message, int] | None:
    """The answer that begins at `start`, and where the next one does; None while a part of it is missing.

    Raises:
        Malformed: it says neither how long it is nor that it comes in chunks.
    """
    found = received.find(HEAD_END, start)
    if found < 0:
        return None
    head, begin = received[start : found + 2], found + len(HEAD_END)
    message = Message(int(head[9:12]), head, b"")
    if length := message.header(b"Content-Length"):
        end = begin + int(length)
        return (message._replace(body=received[begin:end]), end) if end <= len(received) else None
    if message.header(b"Transfer-Encoding").lower() != "chunked":
        raise Malformed(head.decode("latin-1"))
    whole = _chunks(received, begin)
    return (message._replace(body=whole[0]), whole[1]) if whole else None


def _chunks(received: bytes, start: int) -> tuple[bytes, int] | None:
    """The body that comes in chunks from `start`, and where it ends (RFC 9112, 7.1); no trailers."""
    chunks: list[bytes] = []
    while (line := received.find(b"\r\n", start)) >= 0:
        size = int(received[start:line].partition(b";")[0], 16)
        begin, start = line + 2, line + 4 + size
        if start > len(received):
            return None
        if not size:
            return b"".join(chunks), start
        chunks.append(received[begin : begin + size])
    return None


class Answer(NamedTuple):
    """To a request that was sent at an instant."""

    asked_at: float
    message: Message


class Lane:
    """A connection over which one page is asked of one tier again and again."""

    def __init__(self, tier: str, address: tuple[str, int], path: int, request: bytes) -> None:
        """`path` is the page's number, `request` the bytes that ask for it."""
        self.tier = tier
        self.address = address
        self.path = path
        self.request = request
        self.ask_at = 0.0
        """When it may ask again."""

        self.connection: socket.socket | None = None
        self._received = b""
        self._asked: deque[float] = deque()

    def connect(self) -> socket.socket:
        """Only when there is something to ask: a silent connection takes a thread of gunicorn's."""
        self.connection = socket.create_connection(self.address, timeout=TIMEOUT_SECONDS)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.connection

    def ask(self, count: int) -> None:
        """Send it so often at once. Answers are held against this instant, which is never later than their own."""
        assert self.connection
        self._asked.extend([time.time()] * count)
        self.connection.sendall(self.request * count)

    @property
    def idle(self) -> bool:
        """Is every request answered?"""
        return not self._asked

    def receive(self) -> list[Answer]:
        """What has arrived whole.

        Raises:
            OSError: the connection was closed.
            Malformed: an answer makes no sense.
        """
        assert self.connection
        more = self.connection.recv(RECEIVED_BYTES)
        if not more:
            raise ConnectionResetError(f"{self.tier} closed the connection")
        self._received += more
        answers, start = [], 0
        while self._asked and (taken := take(self._received, start)):
            answers.append(Answer(self._asked.popleft(), taken[0]))
            start = taken[1]
        self._received = self._received[start:]
        return answers

    def close(self) -> int:
        """Tells how many requests will never be answered."""
        lost = len(self._asked)
        if self.connection:
            self.connection.close()
        self.connection = None
        self._received = b""
        self._asked.clear()
        return lost

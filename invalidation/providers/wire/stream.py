"""What a connection brings, taken in portions of a bounded size."""

from __future__ import annotations

from collections.abc import Callable

from invalidation.providers.wire.faults import Broken, Malformed

#: Bytes that were taken are given back to the memory when there are so many.
COMPACTED_BYTES = 262_144


class Stream:
    """Bytes in their order; `receive` waits for more, and brings none at the end."""

    __slots__ = ("_buffer", "_position", "_receive")

    def __init__(self, receive: Callable[[], bytes]) -> None:
        self._receive = receive
        self._buffer = bytearray()
        self._position = 0

    @property
    def waiting(self) -> int:
        """Bytes that have come and were not taken."""
        return len(self._buffer) - self._position

    def until(self, end: bytes, limit: int) -> bytes:
        """What stands before `end`, which is taken too.

        Raises:
            Malformed: `end` does not come within `limit` bytes.
            Broken: the connection ends before.
        """
        self._compact()
        searched = self._position
        while (end_at := self._buffer.find(end, searched)) < 0 and self.waiting <= limit + len(end):
            searched = max(self._position, len(self._buffer) - len(end) + 1)
            self._fill()
        if not 0 <= end_at - self._position <= limit:
            raise Malformed(f"no end of the line or the headers within {limit} bytes")
        taken = bytes(self._buffer[self._position : end_at])
        self._position = end_at + len(end)
        return taken

    def exactly(self, count: int) -> bytes:
        """The next `count` bytes.

        Raises:
            Broken: the connection ends before.
        """
        while self.waiting < count:
            self._fill()
        taken = bytes(self._buffer[self._position : self._position + count])
        self._position += count
        return taken

    def rest(self, limit: int) -> bytes:
        """All until the connection ends, or the first `limit` bytes."""
        try:
            while self.waiting < limit:
                self._fill()
        except Broken:
            return self.exactly(self.waiting)
        return self.exactly(limit)

    def _fill(self) -> None:
        piece = self._receive()
        if not piece:
            raise Broken("the connection ended in the middle of an answer" if self.waiting else "no answer came")
        self._buffer += piece

    def _compact(self) -> None:
        if self._position == len(self._buffer) or self._position > COMPACTED_BYTES:
            del self._buffer[: self._position]
            self._position = 0

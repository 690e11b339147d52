"""Many nodes of one tier in this process, which answer every PURGE at once, or late, and remember when it came."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Callable
from typing import Self

from deploy.local.processes import free_port

REQUEST = re.compile(rb"[A-Z]+ .*?\r\n\r\n", re.DOTALL)
TAGS = re.compile(rb"^xkey-purge: (.*)\r$", re.IGNORECASE | re.MULTILINE)
ANSWER = b"HTTP/1.1 200 OK\r\nX-Purged-By: varnish\r\nX-Purge-Count: 1\r\nX-Cache: MISS\r\nContent-Length: 0\r\n\r\n"


class Fleet:
    """So many nodes, each an address of 127.0.0.0/8; the first of them is slow by so many seconds."""

    def __init__(self, nodes: int, slow_seconds: float = 0.0) -> None:
        self.port = free_port()
        self.addresses = [f"127.1.{number // 250}.{number % 250 + 1}" for number in range(nodes)]
        self.slow_seconds = slow_seconds
        self.purged: dict[tuple[str, str], int] = {}
        """When a node (its address) was first asked to purge a tag, in nanoseconds of the machine's clock."""

        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def urls(self) -> list[str]:
        """Of the nodes."""
        return [f"http://{address}:{self.port}" for address in self.addresses]

    def delay(self, address: str) -> float:
        """Before a node answers."""
        return self.slow_seconds if address == self.addresses[0] else 0.0

    def note(self, address: str, request: bytes) -> None:
        """Remember what the request purges."""
        if found := TAGS.search(request):
            for tag in found[1].decode().split():
                self.purged.setdefault((address, tag), time.time_ns())

    def __enter__(self) -> Self:
        self._thread.start()
        listening = self._loop.create_server(lambda: Connection(self), "0.0.0.0", self.port, backlog=2048)
        asyncio.run_coroutine_threadsafe(listening, self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


class Connection(asyncio.Protocol):
    """Answers each request, however many come at once; the node is known by the address it was reached at."""

    transport: asyncio.Transport

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.left = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Learn which node this is."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.address: str = transport.get_extra_info("sockname")[0]

    def data_received(self, data: bytes) -> None:
        """Whole requests are noted and answered."""
        self.left += data
        while found := REQUEST.match(self.left):
            self.left = self.left[found.end() :]
            self.fleet.note(self.address, found[0])
            self._later(self.fleet.delay(self.address), self._answer)

    def _later(self, seconds: float, answer: Callable[[], None]) -> None:
        if seconds:
            self.fleet._loop.call_later(seconds, answer)
        else:
            answer()

    def _answer(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(ANSWER)

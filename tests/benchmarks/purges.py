"""B4: purges of addresses at a real Varnish and a real Nginx, beside sockets that do nothing else."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from deploy.local import Nginx, Varnish
from deploy.local.processes import free_port
from invalidation.providers import nginx, varnish
from invalidation.providers.base import Provider
from tests.benchmarks.figures import Aim, Figure

SITE = "https://blog.example"
SECRET = "secret-of-the-benchmark"
#: Addresses of one call, as a batch has them, and how often they are purged.
URLS = [f"{SITE}/blog/{number}/" for number in range(100)]
ROUNDS = 20
ANSWER = re.compile(rb"HTTP/1\.1 .*?Content-Length: (\d+).*?\r\n\r\n", re.DOTALL)
TIMEOUT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Speed:
    """Of one way to purge."""

    purges_a_second: float
    processor_microseconds: float
    """Of this process, for each purge."""


@dataclass(frozen=True, slots=True)
class Raw:
    """A connection that sends bytes made in advance, and looks at answers no more than to find their ends."""

    node: str
    at_once: int

    def purge(self, urls: Sequence[str]) -> None:
        """So many requests at once, then as many answers; Nginx closes a connection after a thousand."""
        place = urlsplit(self.node)
        with socket.create_connection((place.hostname or "", place.port or 80), TIMEOUT_SECONDS) as connection:
            for start in range(0, len(urls), self.at_once):
                wanted = urls[start : start + self.at_once]
                connection.sendall(b"".join(map(_request, wanted)))
                _read(connection, len(wanted))


def _read(connection: socket.socket, answers: int) -> None:
    left = b""
    while answers:
        found = ANSWER.match(left)
        if found and len(left) >= found.end() + int(found[1]):
            left, answers = left[found.end() + int(found[1]) :], answers - 1
        elif not (more := connection.recv(65536)):
            raise ConnectionError("The node closed the connection.")
        else:
            left += more


def _request(url: str) -> bytes:
    place = urlsplit(url)
    headers = f"Host: {place.netloc}\r\nX-Forwarded-Proto: {place.scheme}\r\nX-Purge-Secret: {SECRET}\r\n\r\n"
    return f"PURGE {place.path} HTTP/1.1\r\n{headers}".encode()


def speed(purge: Callable[[Sequence[str]], object], rounds: int = ROUNDS) -> Speed:
    """Of purging all addresses so many times; the first time is not counted."""
    purge(URLS)
    started, used = time.perf_counter(), time.process_time()
    for _ in range(rounds):
        purge(URLS)
    purges = rounds * len(URLS)
    return Speed(purges / (time.perf_counter() - started), 1e6 * (time.process_time() - used) / purges)


def compared(provider: Provider, node: str) -> Iterator[Figure]:
    """A provider beside both raw ways."""
    ours = speed(provider.purge_urls)
    kept, pipelined = speed(Raw(node, 1).purge), speed(Raw(node, len(URLS)).purge)
    name = provider.tier
    for rival, against in ((kept, "a raw socket, kept"), (pipelined, "raw, pipelined")):
        aim = Aim("≥", 10_000) if rival is kept else None
        value, baseline = ours.purges_a_second, rival.purges_a_second
        yield Figure("B4", f"addresses purged at {name}", value, "a second", baseline, against, aim)
    used, baseline = ours.processor_microseconds, kept.processor_microseconds
    yield Figure("B4", f"processor time of each, {name}", used, "µs", baseline, "a raw socket, kept", Aim("≤", 60))


def figures() -> Iterator[Figure]:
    """At one node of each, which have nobody behind them."""
    nobody = [f"127.0.0.1:{free_port()}"]
    with TemporaryDirectory(prefix="benchmark-") as folder:
        with Varnish(Path(folder), nobody, SECRET) as cache:
            yield from compared(varnish.Varnish("varnish", cache.url, {"SECRET": SECRET}), cache.url)
        with Nginx(Path(folder), nobody, SECRET) as cache:
            yield from compared(nginx.Nginx("nginx", cache.url, {"SECRET": SECRET}), cache.url)

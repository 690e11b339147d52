"""A stand-in for one node of a tier: answers every purge with the proof of its product, after writing it down.

A file beside its log may tell it to misbehave; then it purges nothing, and writes nothing down.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

#: Between two bytes: shorter than any timeout of a single read.
DRIP_SECONDS = 0.3
#: How a purge of a whole folder is marked; one of everything has no folder.
PREFIX = "prefix "
#: What the product says of itself, and what it was purged of when it counts.
ANSWER = "HTTP/1.1 200 Purged\r\nX-Purged-By: {marker}\r\nX-Purge-Count: 1\r\nContent-Length: 0\r\n\r\n"


def purged(method: str, target: str, headers: Mapping[str, str]) -> Iterator[str]:
    """The tags, the prefix or the URL that a request purges, marked as such; nothing for any other request."""
    if method == "PURGE" and "xkey-purge" in headers:
        yield from (f"tag {tag}" for tag in headers["xkey-purge"].split())
    elif method == "PURGE" and "x-ban-everything" in headers:
        yield PREFIX
    elif method == "PURGE" and "x-ban-prefix" in headers:
        yield f"{PREFIX}{headers['x-forwarded-proto']}://{headers['host']}{headers['x-ban-prefix']}"
    elif method == "PURGE":
        yield f"url {headers['x-forwarded-proto']}://{headers['host']}{target}"


def mood_of(log: Path) -> Path:
    """The file that tells how the stand-in with this log misbehaves; it behaves while there is none."""
    return log.with_suffix(".mood")


async def misbehave(mood: str, head: str, writer: asyncio.StreamWriter) -> None:
    """Answer one request as this mood has it; two of them end when the other side has had enough."""
    if mood == "lie":
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    elif mood == "echo":
        body = f"Bad request:\n{head}".encode("latin-1")
        writer.write(b"HTTP/1.1 500 Echo\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    elif mood == "drip":
        writer.write(b"HTTP/1.1 200 Purged\r\nX-Slow: ")
        await _for_ever(writer, b".", DRIP_SECONDS)
    elif mood == "endless":
        writer.write(b"HTTP/1.1 200 Purged\r\nTransfer-Encoding: chunked\r\n\r\n")
        await _for_ever(writer, b"1000\r\n" + b"." * 0x1000 + b"\r\n", 0)
    await writer.drain()


async def _for_ever(writer: asyncio.StreamWriter, piece: bytes, pause_seconds: float) -> None:
    while not writer.is_closing():
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(pause_seconds)


class Recorder:
    """One node, its log appended to a file with one system call per request."""

    def __init__(self, marker: str, log: Path) -> None:
        self.answer = ANSWER.format(marker=marker).encode()
        self.mood = mood_of(log)
        self._file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection until it ends."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                if self.mood.exists():
                    await misbehave(self.mood.read_text(), head, writer)
                    continue
                self._record(head)
                writer.write(self.answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _record(self, head: str) -> None:
        received_at = time.time()
        request, *lines = head.strip().split("\r\n")
        method, target, _version = request.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        lines = [f"{received_at:.6f} {what}\n" for what in purged(method, target, headers)]
        os.write(self._file, "".join(lines).encode())


@dataclass(slots=True)
class Record:
    """What one node was asked to purge: of each tag and URL how often, and when last."""

    times: dict[str, int] = field(default_factory=dict)
    last_at: dict[str, float] = field(default_factory=dict)
    prefixes: dict[str, float] = field(default_factory=dict)
    """When folders were purged last: many calls become one where the plan finds that cheaper. "" is everything."""

    def covers(self, what: str, since: float) -> bool:
        """Was the node asked for it since then, by itself or within a folder?"""
        if self.last_at.get(what, 0.0) >= since:
            return True
        url = what.removeprefix("url ")
        wide = (prefix for prefix, at in self.prefixes.items() if at >= since)
        return any(not prefix or (url != what and url.startswith(prefix)) for prefix in wide)

    @classmethod
    def read(cls, log: Path) -> Record:
        """From the file that a recorder wrote."""
        record = cls()
        with log.open() as lines:
            for line in lines:
                at, what = line.rstrip("\n").split(" ", 1)
                record.times[what] = record.times.get(what, 0) + 1
                record.last_at[what] = max(record.last_at.get(what, 0.0), float(at))
                if what.startswith(PREFIX):
                    record.prefixes[what.removeprefix(PREFIX)] = record.last_at[what]
        return record


async def main(port: int, marker: str, log: Path) -> None:
    """Listen until killed."""
    recorder = Recorder(marker, log)
    server = await asyncio.start_server(recorder.serve, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))

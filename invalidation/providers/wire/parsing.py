"""Reads one response after the other from a stream, strictly and within bounds (RFC 9112).

What two readers might understand differently is refused instead of guessed: in a pipeline a guess would give one
request the answer, and the proof, of another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus

from invalidation.providers.wire.answer import Answer, Headers
from invalidation.providers.wire.faults import Malformed
from invalidation.providers.wire.stream import Stream
from invalidation.targets.digits import whole_number

#: Tag headers are the longest there are: 16 kB and more at some vendors.
MAX_HEAD_BYTES = 65_536
MAX_FIELDS = 200
#: Provisional answers before the real one.
MAX_PROVISIONAL = 8
#: A chunk's size with its extensions.
MAX_CHUNK_LINE_BYTES = 256
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: .*)?")
FIELD_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?")
NO_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


def read(stream: Stream, method: str, limit: int) -> Answer:
    """The next final response to a request of this method, its body cut after `limit` bytes.

    Raises:
        Malformed: it is no such response, or exceeds a bound.
        Broken: the connection ended before it.
    """
    for _ in range(MAX_PROVISIONAL + 1):
        status, headers, is_last = _head(stream.until(b"\r\n\r\n", MAX_HEAD_BYTES))
        if status >= HTTPStatus.OK:
            return _with_body(stream, Answer(status, headers, is_last=is_last), method, limit)
        if status == HTTPStatus.SWITCHING_PROTOCOLS:
            raise Malformed("it wants to speak another protocol")
    raise Malformed(f"more than {MAX_PROVISIONAL} provisional answers")


def _head(head: bytes) -> tuple[int, Headers, bool]:
    """Status, headers, and whether the connection ends after this response."""
    first, *lines = head.split(b"\r\n")
    match = STATUS_LINE.fullmatch(first)
    if not match or len(lines) > MAX_FIELDS:
        raise Malformed("its status line is none" if not match else f"more than {MAX_FIELDS} header fields")
    if head.count(b"\r") != len(lines) or head.count(b"\n") != len(lines) or b"\0" in head:
        raise Malformed("control characters in its headers")
    headers = Headers(_fields(lines))
    closes = "close" in headers.get("Connection", "").lower()
    return int(match[2]), headers, closes or match[1] == b"0"


def _fields(lines: list[bytes]) -> Iterator[tuple[str, str]]:
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not FIELD_NAME.fullmatch(name):
            raise Malformed("a header field without a name")
        yield name.decode("ascii"), value.strip(b" \t").decode("latin-1")


def _with_body(stream: Stream, answer: Answer, method: str, limit: int) -> Answer:
    status, headers, is_last = answer.status, answer.headers, answer.is_last
    coding, length = headers.get("Transfer-Encoding"), headers.get("Content-Length")
    if coding is not None and (length is not None or coding.lower() != "chunked"):
        raise Malformed("its length is told in two ways, or in an unknown one")
    if method == "HEAD" or status in NO_BODY:
        return answer
    if coding is not None:
        body, is_whole = _chunked(stream, limit)
    elif length is not None:
        body, is_whole = _sized(stream, length, limit)
    else:
        body, is_whole = stream.rest(limit), False
    return Answer(status, headers, body, is_last or not is_whole)


def _sized(stream: Stream, length: str, limit: int) -> tuple[bytes, bool]:
    count = whole_number(length)
    if count is None:
        raise Malformed("its Content-Length is no length")
    return stream.exactly(min(count, limit)), count <= limit


def _chunked(stream: Stream, limit: int) -> tuple[bytes, bool]:
    body = bytearray()
    while size := _chunk_size(stream):
        body += stream.exactly(min(size, limit - len(body)))
        if len(body) == limit:
            return bytes(body), False
        if stream.exactly(2) != b"\r\n":
            raise Malformed("a chunk is longer than it says")
    for _ in range(MAX_FIELDS):
        if not stream.until(b"\r\n", MAX_HEAD_BYTES):
            return bytes(body), True
    raise Malformed(f"more than {MAX_FIELDS} trailer fields")


def _chunk_size(stream: Stream) -> int:
    match = CHUNK_LINE.fullmatch(stream.until(b"\r\n", MAX_CHUNK_LINE_BYTES))
    if not match:
        raise Malformed("a chunk without a size")
    return int(match[1], 16)

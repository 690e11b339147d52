"""What caches and vendors send is read within bounds: nothing that they write raises what nobody expects."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from invalidation.doctor.observation import read as canary
from invalidation.exceptions import DeliveryError, RejectedError
from invalidation.models import Verification
from invalidation.providers.answers.pauses import MAX_PAUSE_SECONDS, pause_seconds, retry_after_seconds
from invalidation.providers.cdn.vendor import MAX_REPLY_BYTES, Service, error_codes, json_object
from invalidation.providers.http import Location, Node
from invalidation.providers.wire.answer import Answer, Headers
from invalidation.providers.wire.faults import Broken, Malformed
from invalidation.providers.wire.parsing import read
from invalidation.providers.wire.request import Request
from invalidation.providers.wire.stream import Stream
from invalidation.targets.digits import LARGEST, whole_number
from tests.providers.test_deadlines import PROVIDERS, URL, made, purged
from tests.stand_ins.hostile import Hostile, Peer

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIMIT = 1_000
NUMBERS = ("9" * 5_000, "9" * 30, "²", "٣", "-1", "+1", " 1 1", "1e9", "NaN", "inf", "", "0x10", "1_0")
BODIES = (
    b"[]",
    b"null",
    b"9" * 5_000,
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b'{"errors": 1, "success": 1}',
    b'{"errors": {"code": []}, "result": 7, "success": false}',
    b'{"errors": [{"code": {}}, 1, null], "Id": null}',
    b'{"status": "ok", "id": ' + b"9" * 4_000 + b"}",
    b"\xff\xfe\x00",
    b"<a>" * 20_000,
    b"<Invalidation><Id/></Invalidation>",
)


def parsed(data: bytes, method: str = "GET", pieces: int = 7) -> Answer:
    """The first answer of a connection that brings these bytes, a few at a time."""
    portions: Iterator[bytes] = (data[first : first + pieces] for first in range(0, len(data), pieces))
    return read(Stream(lambda: next(portions, b"")), method, LIMIT)


@given(st.text())
@example("²")
@example("9" * 5_000)
def test_a_whole_number_is_one_or_none(text: str) -> None:
    number = whole_number(text)
    assert number is None or (0 <= number <= LARGEST and text.isascii())


@pytest.mark.parametrize("text", NUMBERS)
def test_what_is_no_whole_number_is_none(text: str) -> None:
    assert whole_number(text) is None


@given(st.text() | st.sampled_from(NUMBERS))
@example("Fri, 31 Dec 99999999999999999999 00:00:00 GMT")
@example("Thu, 01 Jan 2026 00:00:09 +9999999999")
def test_a_pause_is_within_a_day_or_none(text: str) -> None:
    for pause in (
        retry_after_seconds(text, NOW),
        pause_seconds({"Ratelimit": f'"default";r=0;t={text}'}, NOW),
        pause_seconds({"Fastly-RateLimit-Reset": text}, NOW),
    ):
        assert pause is None or 0 <= pause <= MAX_PAUSE_SECONDS


@given(st.text() | st.from_regex(r"https?://.*", fullmatch=True))
@example("http://[")
@example("http://[::1")
@example("http://℀/")
@example("http://127.0.0.1\uff1a9104/")
@example("http://a/\ud800")
@example("http://a\r\nX: y/")
@example("http://" + "ü" * 300 + "/")
def test_a_url_is_taken_apart_or_refused(url: str) -> None:
    try:
        location = Location.of(url)
    except RejectedError:
        return
    assert location.host.isascii()
    assert not set(location.host + location.target) & set(" \r\n\t\0")


@pytest.mark.parametrize("url", ["http://[", "http://℀/", "http://a b/", "http://user@host/", "http://a/\ud800"])
def test_a_url_without_a_host_is_refused(url: str) -> None:
    with pytest.raises(RejectedError):
        Location.of(url)


@pytest.mark.parametrize("url", ["http://[", "http://[::1", "http://a:99999/", "http://a:b/"])
def test_a_node_that_is_no_address_is_named(url: str) -> None:
    with pytest.raises(Exception, match="NODES"):
        Node("tier", url, 5)


LINES = (
    *(b"Content-Length: 5", b"Content-Length: 9999999999999999999", b"Content-Length: \xb2"),
    *(b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked", b"Connection: close"),
    *(b"A: b", b"A", b": x", b" folded", b"A : b"),
)
HEADS = st.lists(st.sampled_from(LINES))
STARTS = st.sampled_from(
    [b"HTTP/1.1 200 OK", b"HTTP/1.0 404", b"HTTP/1.1 100 C", b"HTTP/2 200", b"HTTP/1.1 999 X", b""]
)
TAILS = st.sampled_from(
    [b"hello", b"5\r\nhello\r\n0\r\n\r\n", b"FFFFFFFFF\r\n", b"-1\r\n", b"5;x=y\r\nhelloXX", b"0\r\n"]
)


@given(STARTS, HEADS, TAILS | st.binary(), st.integers(1, 50))
def test_an_answer_is_read_or_refused(start: bytes, lines: list[bytes], tail: bytes, pieces: int) -> None:
    try:
        answer = parsed(b"\r\n".join([start, *lines, b"", tail]), pieces=pieces)
    except (Malformed, Broken):
        return
    assert 200 <= answer.status < 600
    assert len(answer.body) <= LIMIT


@given(st.binary(), st.integers(1, 50))
def test_any_bytes_are_read_or_refused(data: bytes, pieces: int) -> None:
    with pytest.raises((Malformed, Broken)):
        parsed(b"X" + data, pieces=pieces)


@given(st.lists(st.binary(max_size=300), max_size=5), st.booleans(), st.integers(1, 50))
def test_an_answer_is_the_same_in_whatever_pieces_it_comes(parts: list[bytes], chunked: bool, pieces: int) -> None:
    body = b"".join(parts)
    framed = b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    if chunked:
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts if part)
        framed = b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    answer = parsed(b"HTTP/1.1 200 OK\r\n" + framed, pieces=pieces)
    assert answer.body == body[:LIMIT]
    assert answer.is_last is (len(body) > LIMIT or (chunked and len(body) == LIMIT))


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 201,
        b"HTTP/1.1 200 OK\r\nA: " + b"b" * 70_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\nX-Purged-By: varnish\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n",
        b"HTTP/1.1 101 Switching\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 9 + b"HTTP/1.1 200 OK\r\n",
    ],
)
def test_an_answer_that_two_readers_would_read_differently_is_refused(head: bytes) -> None:
    with pytest.raises(Malformed):
        parsed(head + b"\r\nxx", pieces=4096)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.sampled_from(["errors", "code"]), JSON | st.lists(st.dictionaries(st.just("code"), JSON))))
def test_error_codes_are_numbers_whatever_stands_there(document: dict[str, Any]) -> None:
    assert all(isinstance(code, int) for code in error_codes(document))


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_a_body_is_an_object_or_empty(body: bytes) -> None:
    assert isinstance(json_object(Answer(200, Headers(), body)), dict)


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_hostile_body_ends_in_a_reply_or_a_delivery_error(name: str) -> None:
    def lies(peer: Peer) -> None:
        for number, _ in enumerate(peer.requests()):
            body = BODIES[number % len(BODIES)]
            status = (200, 201, 400, 429)[number // len(BODIES) % 4]
            peer.send(b"HTTP/1.1 %d OK\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body))

    with Hostile(lies) as server:
        provider = made(name, server.url)
        for _ in range(4 * len(BODIES)):
            try:
                purged(provider, [URL])
            except DeliveryError as error:
                assert len(error.reply) < 1_000  # noqa: PT017 (some bodies are a proof to some providers)


def test_a_vendors_answer_is_cut_however_long_it_is() -> None:
    def rambles(peer: Peer) -> None:
        for _ in peer.requests():
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (5 * MAX_REPLY_BYTES))
            peer.send(bytes(5 * MAX_REPLY_BYTES))

    with Hostile(rambles) as server:
        assert len(Service("tier", server.url, 20).send(Request("GET", "/", {})).body) == MAX_REPLY_BYTES


def test_what_a_cache_says_of_its_copy_fits_its_column() -> None:
    def boasts(peer: Peer) -> None:
        for _ in peer.requests():
            peer.send(b"HTTP/1.1 200 OK\r\nX-Cache: " + b"HIT, " * 1_000 + b"\r\nContent-Length: 0\r\n\r\n")

    with Hostile(boasts) as server:
        status = made("varnish", server.url).fetch(URL).cache_status
    assert len(status) == Verification._meta.get_field("cache_status").max_length


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_a_hostile_page_is_no_canary(body: bytes) -> None:
    def lies(peer: Peer) -> None:
        for _ in peer.requests():
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    with Hostile(lies) as server:
        assert not canary(made("varnish", server.url), URL).render


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("name", ["varnish", "nginx"])
def test_a_hostile_count_sequence_or_pause_is_passed_over(name: str, number: str) -> None:
    def lies(peer: Peer) -> None:
        for head in peer.requests():
            fields = f"X-Purged-By: {name}\r\nX-Purge-Count: {number}\r\nX-Cache-Sequence: {number}\r\n".encode()
            status = b"200" if b"/a/" in head else b"429"
            pause = f"Retry-After: {number}\r\nContent-Length: 0\r\n\r\n".encode()
            peer.send(b"HTTP/1.1 " + status + b" OK\r\n" + fields + pause)

    with Hostile(lies) as server:
        provider: Any = made(name, server.url)
        assert provider.purge_urls([URL]).removed == (None if name == "varnish" else 1)
        assert provider.fetch(URL).sequence is None
        with pytest.raises(DeliveryError) as refused:
            provider.purge_urls([URL.replace("/a/", "/b/")])
        pause = refused.value.retry_after_seconds  # type: ignore[attr-defined]
        assert pause is None or 0 <= pause <= MAX_PAUSE_SECONDS

"""The checker's parts: what it reads off the wire, which tier it names, how long it says that copies stayed stale."""

from __future__ import annotations

import pytest

from tests.chain.checked.notes import Notes, mentions, source
from tests.chain.checked.stays import Stays
from tests.chain.checked.wire import Answer, Malformed, Message, take

PLAIN = b"HTTP/1.1 200 OK\r\nX-Cache: HIT\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n"


@pytest.mark.parametrize("sent", [PLAIN, CHUNKED], ids=["with a length", "in chunks"])
def test_an_answer_is_taken_once_it_is_whole_and_the_next_begins_at_its_end(sent: bytes) -> None:
    assert [take(sent[:length], 0) for length in range(len(sent))] == [None] * len(sent)
    first = take(sent + PLAIN, 0)
    assert first
    assert (first[0].status, first[0].body, first[1]) == (200, b"hello", len(sent))
    second = take(sent + PLAIN, first[1])
    assert second
    assert second[1] == len(sent + PLAIN)


def test_an_answer_without_an_end_is_refused() -> None:
    with pytest.raises(Malformed):
        take(b"HTTP/1.1 200 OK\r\nX: y\r\n\r\nhello", 0)


@pytest.mark.parametrize(
    ("headers", "tier"),
    [
        ("CF-Cache-Status: HIT\r\nX-Cache: HIT\r\nX-Cache-Status: MISS\r\nX-Cache-Behind: HIT", "edge"),
        ("CF-Cache-Status: MISS\r\nX-Cache: MISS\r\nX-Cache-Status: HIT\r\nX-Cache-Behind: HIT", "nginx"),
        ("CF-Cache-Status: MISS\r\nX-Cache: MISS\r\nX-Cache-Status: MISS\r\nX-Cache-Behind: HIT", "varnish"),
        ("CF-Cache-Status: MISS\r\nX-Cache: MISS\r\nX-Cache-Status: MISS\r\nX-Cache-Behind: MISS", "gunicorn"),
        ("X-Cache-Status: UPDATING\r\nX-Cache: MISS", "nginx"),
        ("X-Cache-Status: MISS\r\nX-Cache: HIT", "varnish"),
        ("X-Cache: PASS", "gunicorn"),
        ("Server: gunicorn", "gunicorn"),
    ],
)
def test_the_tier_that_an_answer_came_from_is_the_outermost_that_had_it(headers: str, tier: str) -> None:
    assert source(Message(200, f"HTTP/1.1 200 OK\r\n{headers}\r\n".encode(), b"")) == tier


def test_a_post_counts_as_the_oldest_of_its_mentions() -> None:
    assert mentions(b"title-1-v3 body-1-v2 title-2-v9") == ((1, 2), (2, 9))


def test_what_was_noted_comes_back_as_it_was_seen() -> None:
    notes = Notes(["/a/", "/b/"])
    head = b"HTTP/1.1 200 OK\r\nX-Cache: HIT\r\nX-Cache-Sequence: 77\r\nX-Built: from 1v2\r\n"
    notes.add("varnish", 1, Answer(12.5, Message(200, head, b"title-1-v2 title-4-v1")))
    notes.add("varnish", 1, Answer(13.5, Message(503, b"HTTP/1.1 503 Sorry\r\n", b"title-1-v2")))
    first, second = notes.all()
    assert first == (12.5, 1, 2, 77, "varnish", "varnish", "/b/", "from 1v2")
    assert (second.post, second.version) == (4, 1)
    assert notes.answers == {"varnish 200": 1, "varnish 503": 1}


def test_of_each_copy_only_its_longest_stay_counts() -> None:
    stays = Stays()
    for copy, milliseconds in (("/a/", 3.0), ("/a/", 40.0), ("/b/", 60_000.0)):
        stays.add("edge", copy, milliseconds)
    stays.add("nginx", "/a/", 5.0)
    assert stays.table() == {
        "edge": {"to_50": 1, "longer": 1, "longest": 60_000.0},
        "nginx": {"to_5": 1, "longest": 5.0},
    }

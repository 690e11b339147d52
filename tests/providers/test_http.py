"""How URLs are taken apart and options are read."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.core.exceptions import ImproperlyConfigured

from invalidation.exceptions import RejectedError
from invalidation.providers.answers.pauses import pause_seconds
from invalidation.providers.http import MAX_REPLY_BYTES, Location, Node
from invalidation.providers.nginx import Nginx
from invalidation.providers.varnish import Varnish

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("https://example.com", Location("https", "example.com", "/")),
        ("https://example.com?a", Location("https", "example.com", "/?a")),
        ("HTTP://Example.COM:8080/a/?", Location("http", "Example.COM:8080", "/a/?")),
        ("http://e.com/%c3%a9//?b&a=%2F", Location("http", "e.com", "/%c3%a9//?b&a=%2F")),
        ("http://münchen.de/ü", Location("http", "xn--mnchen-3ya.de", "/%C3%BC")),
    ],
)
def test_a_url_is_taken_apart_without_respelling(url: str, location: Location) -> None:
    assert Location.of(url) == location


@pytest.mark.parametrize("url", ["/a/", "ftp://example.com/", "//example.com/", "http:///a/"])
def test_a_url_that_is_not_absolute_is_refused(url: str) -> None:
    with pytest.raises(RejectedError, match="SITES"):
        Location.of(url)


@pytest.mark.parametrize("provider", [Nginx, Varnish])
@pytest.mark.parametrize(
    ("node", "options", "name"),
    [
        ("http://127.0.0.1:1", {}, "SECRET"),
        ("http://127.0.0.1:1", {"SECRET": ""}, "SECRET"),
        ("http://127.0.0.1:1", {"SECRET": "s", "TIMEOUT_SECONDS": 0}, "TIMEOUT_SECONDS"),
        ("http://127.0.0.1:1", {"SECRET": "s", "TIMEOUT_SECONDS": "5"}, "TIMEOUT_SECONDS"),
        ("", {"SECRET": "s"}, "NODES"),
        ("127.0.0.1:6081", {"SECRET": "s"}, "NODES"),
    ],
)
def test_a_wrong_option_or_node_is_named(
    provider: type[Nginx] | type[Varnish], node: str, options: dict[str, object], name: str
) -> None:
    with pytest.raises(ImproperlyConfigured, match=name):
        provider("tier", node, options)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7", "Ratelimit": '"default";r=0;t=30'}, 7),
        ({"Retry-After": "Thu, 01 Jan 2026 00:00:09 GMT"}, 9),
        ({"Ratelimit": '"default";r=0;t=30'}, 30),
        ({"Ratelimit": '"default";r=1199;t=300'}, None),
        ({"Fastly-RateLimit-Reset": str(int(NOW.timestamp()) + 5)}, 5),
        ({}, None),
    ],
)
def test_a_vendor_tells_the_length_of_its_pause_in_one_of_three_headers(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert pause_seconds(headers, NOW) == seconds


class Chunks(BaseHTTPRequestHandler):
    """Answers in chunks: as many of a hundred bytes as the path says."""

    protocol_version = "HTTP/1.1"
    connections: set[tuple[str, int]] = set()

    def do_GET(self) -> None:
        self.connections.add(self.client_address)
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for _ in range(int(self.path.strip("/"))):
            self.wfile.write(b"64\r\n" + b"x" * 100 + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def chunked() -> Iterator[Node]:
    with HTTPServer(("127.0.0.1", 0), Chunks) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Node("tier", f"http://127.0.0.1:{server.server_port}", 5)
        server.shutdown()
        thread.join()


def test_an_answer_is_read_whole_however_many_chunks_it_comes_in_over_one_connection() -> None:
    Chunks.connections.clear()
    with chunked() as node:
        assert [len(node.send("GET", f"/{count}", {}).text) for count in (3, 50, 0)] == [300, 5000, 0]
        node.close()
    assert len(Chunks.connections) == 1


def test_an_endless_answer_is_cut() -> None:
    with chunked() as node:
        assert len(node.send("GET", "/5000", {}).text) == MAX_REPLY_BYTES
        node.close()

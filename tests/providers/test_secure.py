"""Nodes behind TLS, and nodes that are known by name: the same promises, and who they are is checked."""

from __future__ import annotations

import gzip
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from invalidation.exceptions import TransientError
from invalidation.providers.http import MAX_REPLY_BYTES, Node, ask, fetched
from invalidation.providers.wire.connection import tls_context
from tests.stand_ins.hostile import Behaviour, Hostile, Peer

PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def serves(peer: Peer) -> None:
    for _ in peer.requests():
        peer.send(PAGE)


def secured(folder: Path, behave: Behaviour) -> Behaviour:
    """The same over TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")

    def over_tls(peer: Peer) -> None:
        with context.wrap_socket(peer.connection, server_side=True) as connection:
            peer.connection = connection
            behave(peer)

    return over_tls


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that signs itself, for this machine, and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    new = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "1",
    ]
    about = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    made = ["-out", str(folder / "certificate.pem"), "-keyout", str(folder / "key.pem")]
    subprocess.run([*new, *about, *made], check=True, capture_output=True)
    return folder


@pytest.fixture
def trusting(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The system trusts it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "certificate.pem"))
    tls_context.cache_clear()
    yield
    tls_context.cache_clear()


def port(server: Hostile) -> str:
    return server.address.rpartition(":")[2]


@pytest.mark.usefixtures("trusting")
def test_a_secure_node_is_asked_over_one_kept_connection(folder: Path) -> None:
    with Hostile(secured(folder, serves)) as server:
        node = Node("tier", f"https://localhost:{port(server)}", 5)
        assert [node.send("GET", "/", {}).text for _ in range(3)] == ["ok"] * 3
        assert server.connections == 1
        node.close()


def test_a_certificate_that_nobody_vouches_for_is_refused(folder: Path) -> None:
    with Hostile(secured(folder, serves)) as server, pytest.raises(TransientError, match="certificate"):
        Node("tier", f"https://localhost:{port(server)}", 5).send("GET", "/", {})


@pytest.mark.usefixtures("trusting")
def test_a_certificate_for_another_name_is_refused(folder: Path) -> None:
    with Hostile(secured(folder, serves)) as server, pytest.raises(TransientError, match="certificate"):
        Node("tier", f"https://{server.address}", 5).send("GET", "/", {})


@pytest.mark.usefixtures("trusting")
def test_a_body_that_drips_through_tls_is_cut_off(folder: Path) -> None:
    def drips(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        peer.drip()

    with Hostile(secured(folder, drips)) as server:
        started_at = time.monotonic()
        with pytest.raises(TransientError, match="did not answer within"):
            Node("tier", f"https://localhost:{port(server)}", 0.5).send("GET", "/", {})
        assert time.monotonic() - started_at < 3


def test_a_resolver_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(30) and [])
    started_at = time.monotonic()
    with pytest.raises(TransientError, match="did not answer within"):
        ask("http://node.test/", 0.3)
    assert time.monotonic() - started_at < 3
    over.set()


def test_a_name_that_nobody_has_is_worth_another_attempt() -> None:
    with pytest.raises(TransientError, match="can't be reached"):
        ask("http://nobody.invalid/", 20)


@pytest.mark.parametrize(
    ("body", "text"),
    [(gzip.compress(b"page"), "page"), (gzip.compress(bytes(50_000_000)), "\0" * MAX_REPLY_BYTES), (b"none", "")],
    ids=["page", "bomb", "garbage"],
)
def test_a_packed_page_is_unpacked_within_bounds(body: bytes, text: str) -> None:
    def packed(peer: Peer) -> None:
        for _ in peer.requests():
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    with Hostile(packed) as server:
        assert fetched(Node("tier", server.url, 5), "http://site.test/", "X-Cache").text == text

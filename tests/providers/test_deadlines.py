"""A node that is slow, endless or silent is cut off when TIMEOUT_SECONDS are over, whatever it does meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from invalidation.deployment.urls import NoSitemap, in_sitemap
from invalidation.exceptions import TransientError
from invalidation.monitor.proxies import nginx as monitored
from invalidation.providers.base import Provider
from invalidation.providers.cdn.edge import Edged
from invalidation.providers.cdn.vendor import Service
from invalidation.providers.cloudfront.purging import CloudFront
from invalidation.providers.http import Node
from invalidation.providers.nginx import Nginx
from invalidation.providers.varnish import Varnish
from invalidation.providers.wire.request import Request
from tests.fixtures.servers import SECRET
from tests.providers.cdn.products import PRODUCTS
from tests.stand_ins.hostile import PLAIN, SECURE, Behaviour, Full, Hostile, Peer, drips_a_body, never_reads

TIMEOUT_SECONDS = 0.4
#: For a busy machine.
TOLERANCE_SECONDS = 3.0
MORE_THAN_BUFFERS_HOLD = 50_000_000
URL = "http://site.test/a/"
PROVIDERS = ("varnish", "nginx", *sorted(PRODUCTS))
#: CDNs whose edges can be asked for pages.
EDGED = tuple(name for name in sorted(PRODUCTS) if issubclass(PRODUCTS[name]().provider_class, Edged))


def made(name: str, url: str, **more: Any) -> Provider:
    """A provider before a server at this address."""
    if name in ("varnish", "nginx"):
        return {"varnish": Varnish, "nginx": Nginx}[name](
            name, url, {"SECRET": SECRET, "TIMEOUT_SECONDS": TIMEOUT_SECONDS}
        )
    product = PRODUCTS[name]()
    where: dict[str, Any] = {"API_URL": url}
    if name == "cloudfront":
        where = {"ENDPOINT_URL": url, "TAGS": True}
    if product.node:
        where = {}
    options = {**product.options, **where, "TIMEOUT_SECONDS": TIMEOUT_SECONDS, **more}
    provider = product.provider_class(name, url if product.node else "", options)
    if isinstance(provider, CloudFront):
        assert provider._jobs._client, "boto3 reads its description of CloudFront before it asks anybody"
    return provider


def purged(provider: Provider, urls: list[str]) -> object:
    named = {"reference": "a-test"} if provider.needs_reference else {}
    return provider.purge_urls(urls, **named)


def seconds(call: Callable[[], object]) -> float:
    """How long it takes to fail."""
    started_at = time.monotonic()
    with pytest.raises(TransientError):
        call()
    return time.monotonic() - started_at


@pytest.fixture(params=PLAIN, ids=lambda behave: behave.__name__)
def hostile(request: pytest.FixtureRequest) -> Iterator[Hostile]:
    """A server of each kind."""
    with Hostile(request.param) as server:
        yield server


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_purge_is_cut_off_at_the_total_deadline(name: str, hostile: Hostile) -> None:
    provider = made(name, hostile.url)
    assert seconds(lambda: purged(provider, [URL])) < TIMEOUT_SECONDS + TOLERANCE_SECONDS


@pytest.mark.parametrize("name", ["varnish", "nginx"])
def test_a_pipelined_purge_has_one_deadline_for_all_its_requests(name: str, hostile: Hostile) -> None:
    urls = [f"{URL}{number}" for number in range(100)]
    provider = made(name, hostile.url)
    assert seconds(lambda: provider.purge_urls(urls)) < TIMEOUT_SECONDS + TOLERANCE_SECONDS


def test_answers_that_drip_one_by_one_are_cut_off_too() -> None:
    def answers_slowly(peer: Any) -> None:
        for _ in peer.requests():
            peer.over.wait(0.1)
            peer.send(b"HTTP/1.1 200 OK\r\nX-Purged-By: varnish\r\nContent-Length: 0\r\n\r\n")

    with Hostile(answers_slowly) as server:
        provider = made("varnish", server.url)
        urls = [f"{URL}{number}" for number in range(100)]
        assert seconds(lambda: provider.purge_urls(urls)) < TIMEOUT_SECONDS + TOLERANCE_SECONDS


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize("behave", SECURE, ids=lambda behave: behave.__name__)
def test_a_handshake_that_hangs_is_cut_off_whoever_shakes_hands(behave: Behaviour, name: str) -> None:
    with Hostile(behave) as server:
        provider = made(name, f"https://{server.address}")
        assert seconds(lambda: purged(provider, [URL])) < TIMEOUT_SECONDS + TOLERANCE_SECONDS
        assert server.connections


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_node_that_accepts_no_connection_is_not_waited_for(name: str) -> None:
    with Full() as server:
        provider = made(name, server.url)
        assert seconds(lambda: purged(provider, [URL])) < TIMEOUT_SECONDS + TOLERANCE_SECONDS


@pytest.mark.parametrize("client", [Node, Service])
def test_a_node_that_takes_nothing_of_what_is_sent_is_cut_off(client: type[Node] | type[Service]) -> None:
    with Hostile(never_reads) as server:
        asked = client("tier", server.url, TIMEOUT_SECONDS)
        request = Request("POST", "/", {}, bytes(MORE_THAN_BUFFERS_HOLD))
        send = asked.send if isinstance(asked, Service) else lambda request: asked.send_all([request])
        assert seconds(lambda: send(request)) < TIMEOUT_SECONDS + TOLERANCE_SECONDS


@pytest.mark.parametrize("name", PROVIDERS)
def test_the_deadline_is_enforced_by_closing_the_socket(name: str) -> None:
    closed = threading.Event()

    def notices(peer: Peer) -> None:
        try:
            drips_a_body(peer)
        except OSError:
            closed.set()

    with Hostile(notices) as server:
        provider = made(name, server.url)
        seconds(lambda: purged(provider, [URL]))
        assert closed.wait(TOLERANCE_SECONDS)


@pytest.mark.parametrize("name", ["varnish", "nginx", *EDGED])
def test_a_page_that_is_fetched_for_proof_or_warmth_is_cut_off(name: str, hostile: Hostile) -> None:
    provider = made(name, hostile.url, **({"EDGE": hostile.url} if name in EDGED else {}))
    assert seconds(lambda: provider.fetch(URL)) < TIMEOUT_SECONDS + TOLERANCE_SECONDS


def test_a_sitemap_that_drips_is_cut_off(hostile: Hostile, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.INVALIDATION = {"SITES": [hostile.url], "TIERS": {}}
    monkeypatch.setattr("invalidation.deployment.urls.TIMEOUT_SECONDS", TIMEOUT_SECONDS)
    started_at = time.monotonic()
    with pytest.raises(NoSitemap):
        in_sitemap(f"{hostile.url}/sitemap.xml")
    assert time.monotonic() - started_at < TIMEOUT_SECONDS + TOLERANCE_SECONDS


def test_a_status_page_that_drips_is_cut_off(hostile: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("invalidation.monitor.proxies.TIMEOUT_SECONDS", TIMEOUT_SECONDS)
    started_at = time.monotonic()
    assert monitored(f"{hostile.url}/status").problems
    assert time.monotonic() - started_at < TIMEOUT_SECONDS + TOLERANCE_SECONDS

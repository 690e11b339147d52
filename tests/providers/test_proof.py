"""A purge counts only with the cache's own proof: what other answers to it mean."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import Nginx, Varnish
from invalidation.exceptions import DeliveryError, RejectedError, Throttled, TransientError, Unproven
from tests.fixtures.servers import SECRET
from tests.providers import subjects
from tests.providers.subjects import ProxySubject
from tests.providers.test_deadlines import PROVIDERS, URL, made, purged
from tests.stand_ins.hostile import Hostile, Peer, never_answers
from tests.stand_ins.origin import Origin
from tests.stand_ins.visitor import visit


@pytest.fixture(scope="module")
def servers_without_purge(state_folder: Path, origin_server: Origin) -> Iterator[dict[str, Nginx | Varnish]]:
    """Both proxies as they are where somebody forgot to configure the purge."""
    upstreams = [origin_server.address]
    with (
        Nginx(state_folder, upstreams, SECRET, name="nginx_naive", options={"purge_location": ""}) as nginx,
        Varnish(state_folder, upstreams, SECRET, name="varnish_naive", options={"purge_branch": ""}) as varnish,
    ):
        yield {"nginx": nginx, "varnish": varnish}


@pytest.mark.parametrize("product", ["nginx", "varnish"])
def test_f10_a_proxy_that_passes_purges_to_the_application_has_proved_nothing(
    servers_without_purge: dict[str, Nginx | Varnish], product: str, origin: Origin, site: str
) -> None:
    server = servers_without_purge[product]
    subject = getattr(subjects, product)(server, origin)
    subject.store(f"{site}/a/")
    with pytest.raises(Unproven, match="X-Purged-By"):
        subject.provider().purge_urls([f"{site}/a/"])
    assert [request.target for request in origin.seen("PURGE")] == ["/a/"]
    assert subject.holds(f"{site}/a/")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_f24_a_redirected_purge_is_not_followed(proxy: ProxySubject, origin: Origin, site: str, status: int) -> None:
    origin.pages["/a/"].status = status
    origin.pages["/a/"].headers["Location"] = f"{origin.url}/b/"
    with pytest.raises(Unproven):
        proxy.provider(node=origin.url).purge_urls([f"{site}/a/"])
    assert [(request.method, request.target) for request in origin.requests] == [("PURGE", "/a/")]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("name", PROVIDERS)
def test_f24_no_redirect_leads_a_request_and_its_credentials_elsewhere(name: str, status: int) -> None:
    with Hostile(never_answers) as elsewhere:

        def redirects(peer: Peer) -> None:
            for _ in peer.requests():
                where = f"Location: {elsewhere.url}/\r\nContent-Length: 0\r\n\r\n".encode()
                peer.send(b"HTTP/1.1 %d Moved\r\n%b" % (status, where))

        with Hostile(redirects) as server, pytest.raises(DeliveryError):
            purged(made(name, server.url), [URL])
        assert not elsewhere.connections


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (200, Unproven),
        (404, Unproven),
        (400, RejectedError),
        (401, RejectedError),
        (403, RejectedError),
        (405, RejectedError),
        (429, Throttled),
        (500, TransientError),
        (503, TransientError),
    ],
)
def test_an_answer_without_proof_is_an_error_of_its_kind(
    proxy: ProxySubject, origin: Origin, site: str, status: int, error: type[Exception]
) -> None:
    origin.pages["/a/"].status = status
    with pytest.raises(error) as raised:
        proxy.provider(node=origin.url).purge_urls([f"{site}/a/"])
    assert type(raised.value) is error
    assert isinstance(raised.value, TransientError | RejectedError)
    assert raised.value.reply == f"{status} version 1"


@pytest.mark.parametrize(("value", "seconds"), [("7", 7.0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("soon", None)])
def test_a_pause_that_the_tier_asks_for_is_told(
    proxy: ProxySubject, origin: Origin, site: str, value: str, seconds: float | None
) -> None:
    origin.pages["/a/"].status = 429
    origin.pages["/a/"].headers["Retry-After"] = value
    with pytest.raises(Throttled) as throttled:
        proxy.provider(node=origin.url).purge_urls([f"{site}/a/"])
    assert throttled.value.retry_after_seconds == seconds


def test_another_products_marker_is_no_proof(proxy: ProxySubject, origin: Origin, site: str) -> None:
    origin.pages["/a/"].headers["X-Purged-By"] = "somebody"
    with pytest.raises(Unproven):
        proxy.provider(node=origin.url).purge_urls([f"{site}/a/"])


def test_the_application_cannot_forge_the_marker(proxy: ProxySubject, origin: Origin, site: str) -> None:
    origin.pages["/a/"].headers["X-Purged-By"] = "forged"
    assert "forged" not in visit(proxy.server, f"{site}/a/").headers.values()


def test_a_long_reply_is_shortened(proxy: ProxySubject, origin: Origin, site: str) -> None:
    origin.pages["/a/"].headers["Content-Type"] = "text/plain"
    origin.pages["/a/"].version = int("1" * 4000)
    with pytest.raises(Unproven) as unproven:
        proxy.provider(node=origin.url).purge_urls([f"{site}/a/"])
    assert len(unproven.value.reply) == 500


def test_proxies_of_the_environment_are_not_used(
    proxy: ProxySubject, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    assert proxy.provider().purge_urls([f"{site}/a/"]).removed == 0

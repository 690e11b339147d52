"""The shipped Nginx site with every switch on: TLS, security headers, files, compression."""

from __future__ import annotations

import re
import socket
import ssl

import pytest
import urllib3

from deploy.local import Nginx
from deploy.local.nginx import BROTLI
from invalidation.providers.nginx import Nginx as Provider
from invalidation.proxies.templates import Value
from project.settings import policy
from tests.fixtures.servers import SECRET
from tests.integration.local.conftest import (
    HASHED,
    LOCATIONS,
    NAME,
    POLICY,
    SECURE_SITE,
    SECURITY,
    SITE,
    STYLE,
    UNHASHED,
)
from tests.stand_ins.origin import Origin
from tests.stand_ins.visitor import is_hit, visit


def test_a_page_comes_over_tls_from_the_cache(over_tls: urllib3.HTTPSConnectionPool, origin: Origin) -> None:
    answers = [over_tls.request("GET", "/over-tls/") for _ in range(2)]
    assert [answer.headers["X-Cache-Status"] for answer in answers] == ["MISS", "HIT"]
    assert {answer.headers["Strict-Transport-Security"] for answer in answers} == {"max-age=31536000"}
    [seen] = [request.headers for request in origin.requests if request.target == "/over-tls/"]
    assert (seen["x-forwarded-proto"], seen["host"]) == ("https", NAME)


def test_http_2_is_spoken_where_the_browser_can(full: tuple[Nginx, int], certificate: dict[str, Value]) -> None:
    context = ssl.create_default_context(cafile=str(certificate["tls_certificate"]))
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", full[1]), timeout=10) as connection,
        context.wrap_socket(connection, server_hostname=NAME) as secure,
    ):
        assert secure.selected_alpn_protocol() == "h2"
        assert secure.version() == "TLSv1.3"


def test_another_name_gets_no_certificate_and_no_page(full: tuple[Nginx, int]) -> None:
    context = ssl._create_unverified_context()
    with socket.create_connection(("127.0.0.1", full[1]), timeout=10) as connection, pytest.raises(ssl.SSLError):
        context.wrap_socket(connection, server_hostname="other.example")
    refused = visit(full[0], "http://other.example/a/")
    assert refused.status == 421
    assert {name: refused.headers[name] for name in SECURITY} == SECURITY


def test_a_visitor_without_tls_is_sent_to_https(stranger: urllib3.HTTPConnectionPool, origin: Origin) -> None:
    answer = stranger.request("GET", "/a/?b=c", redirect=False)
    assert (answer.status, answer.headers["Location"]) == (301, f"{SECURE_SITE}/a/?b=c")
    assert not origin.requests


def test_workers_purge_the_secure_pages_without_tls(server: Nginx, over_tls: urllib3.HTTPSConnectionPool) -> None:
    over_tls.request("GET", "/a/")
    assert Provider("nginx", server.url, {"SECRET": SECRET}).purge_urls([f"{SECURE_SITE}/a/"]).removed == 1
    assert over_tls.request("GET", "/a/").headers["X-Cache-Status"] == "MISS"


def test_f12_every_location_is_among_those_looked_at(full: tuple[Nginx, int]) -> None:
    written = re.findall(r"location (.+) \{", (full[0].folder / "site.conf").read_text())
    assert set(written) == {*LOCATIONS, "= /__epoch"}


#: Those that a visitor's GET doesn't reach.
ASKED: dict[str, tuple[str, dict[str, str]]] = {
    "= /__purge": ("PURGE", {}),
    "= /__everything": ("PUT", {"X-Purge-Everything": "yes"}),
}


@pytest.mark.parametrize("location", LOCATIONS)
def test_f12_every_location_sends_every_security_header(
    server: Nginx, over_tls: urllib3.HTTPSConnectionPool, location: str
) -> None:
    method, marks = ASKED.get(location, ("GET", {}))
    over_tls.request("GET", LOCATIONS[location])
    asked = {"Host": NAME, "X-Purge-Secret": SECRET, **marks}
    answer = over_tls.request(method, LOCATIONS[location], headers=asked, body=b"." if method == "PUT" else None)
    assert answer.status in {200, 201, 204}
    assert {name: answer.headers[name] for name in SECURITY} == SECURITY
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert answer.headers["Content-Security-Policy"] == (POLICY if location != "/media/" else MEDIA_POLICY)


MEDIA_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


def test_the_applications_own_security_policy_wins(server: Nginx, origin: Origin) -> None:
    origin.pages["/a/"].headers["Content-Security-Policy"] = "default-src 'none'"
    assert visit(server, f"{SITE}/a/").headers["Content-Security-Policy"] == "default-src 'none'"


@pytest.mark.parametrize("path", ["/metrics", "/__status"])
def test_what_is_for_the_inside_is_not_told_to_strangers(
    server: Nginx, stranger_over_tls: urllib3.HTTPSConnectionPool, path: str
) -> None:
    assert visit(server, SITE + path).status == 200
    assert visit(server, SITE + path, {"X-Forwarded-For": "198.51.100.1"}).status == 403
    answer = stranger_over_tls.request("GET", path, headers={"Host": NAME, "X-Forwarded-For": "127.0.0.1"})
    assert (answer.status, answer.headers["X-Content-Type-Options"]) == (403, "nosniff")


@pytest.mark.parametrize(
    ("path", "lifetime"),
    [
        (HASHED, f"max-age={policy.HASHED_SECONDS}, public, immutable"),
        (UNHASHED, f"max-age={policy.UNHASHED_SECONDS}, public"),
        ("/media/photo.svg", f"max-age={policy.HASHED_SECONDS}, public, immutable"),
    ],
)
def test_files_are_served_without_the_application(server: Nginx, origin: Origin, path: str, lifetime: str) -> None:
    answer = visit(server, SITE + path, {"Accept-Encoding": "identity", "Cookie": "sessionid=x"})
    assert (answer.status, answer.text) == (200, STYLE)
    assert answer.headers["Cache-Control"] == lifetime
    assert "Set-Cookie" not in answer.headers
    assert not origin.requests


def test_a_static_file_may_be_used_by_pages_of_another_origin(server: Nginx) -> None:
    assert visit(server, SITE + HASHED).headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Origin" not in visit(server, f"{SITE}/media/photo.svg").headers


@pytest.mark.parametrize("path", ["/static/none.0123456789ab.css", "/media/none.jpg", "/static/../site.conf"])
def test_a_file_that_is_not_there_is_not_kept(server: Nginx, path: str) -> None:
    answer = visit(server, SITE + path)
    assert answer.status == 404 or "version" in answer.text
    assert "immutable" not in answer.headers.get("Cache-Control", "")


def test_f12_what_was_compressed_beforehand_is_sent_as_it_is(server: Nginx) -> None:
    answer = visit(server, SITE + HASHED, {"Accept-Encoding": "gzip"})
    assert (answer.headers["Content-Encoding"], answer.text) == ("gzip", "compressed beforehand")
    assert answer.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize("path", [UNHASHED, "/media/photo.svg"])
def test_f12_a_plain_file_is_never_called_compressed(server: Nginx, path: str) -> None:
    assert "Content-Encoding" not in visit(server, SITE + path, {"Accept-Encoding": "identity"}).headers
    assert visit(server, SITE + path, {"Accept-Encoding": "gzip"}).text == STYLE


def test_pages_are_compressed_for_those_who_can_read_it(
    server: Nginx, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(origin, "body", lambda _page, _headers: STYLE)
    origin.pages["/a/"].headers["Content-Type"] = "text/html"
    plain = visit(server, f"{SITE}/a/", {"Accept-Encoding": "identity"})
    small = visit(server, f"{SITE}/a/", {"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert (small.headers["Content-Encoding"], small.headers["Vary"]) == ("gzip", "Accept-Encoding")
    assert is_hit(small)
    assert plain.text == small.text == STYLE


def test_brotli_is_used_exactly_where_its_modules_are(full: tuple[Nginx, int]) -> None:
    installed = all(module.exists() for module in BROTLI)
    assert ("brotli on;" in (full[0].folder / "site.conf").read_text()) == installed

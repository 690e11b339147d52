"""The shipped Nginx site, with the faults that textbook sites have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from deploy.local import Nginx as NginxServer
from deploy.local import wait_for
from deploy.local.processes import accepts, children_of
from invalidation.exceptions import DeliveryError
from invalidation.providers.nginx import Nginx
from tests.fixtures.servers import SECRET
from tests.providers.test_proxies import ODD_TARGETS
from tests.stand_ins.origin import Origin
from tests.stand_ins.visitor import is_hit, visit, warm


def nginx(server: NginxServer, **options: object) -> Nginx:
    return Nginx("nginx", server.url, {"SECRET": SECRET, **options})


def test_f08_targets_that_differ_in_one_byte_are_different_pages(nginx_server: NginxServer, site: str) -> None:
    for target in ODD_TARGETS:
        assert not is_hit(visit(nginx_server, site + target))
    nginx(nginx_server).purge_urls([f"{site}/caf%c3%a9/"])
    assert is_hit(visit(nginx_server, f"{site}/caf%C3%A9/"))


def test_f08_head_fills_and_reads_the_page_of_get(nginx_server: NginxServer, site: str) -> None:
    visit(nginx_server, f"{site}/a/", method="HEAD")
    assert is_hit(visit(nginx_server, f"{site}/a/"))
    assert nginx(nginx_server).purge_urls([f"{site}/a/"]).removed == 1


@pytest.fixture(scope="module")
def bilingual(state_folder: Path, origin_server: Origin) -> Iterator[NginxServer]:
    """An Nginx whose key tells two languages apart."""
    variants = {"variant_header": "Accept-Language", "variant_variable": "accept_language", "variants": ("en", "de")}
    with NginxServer(state_folder, [origin_server.address], SECRET, name="bilingual", options=dict(variants)) as server:
        yield server


def test_f09_every_declared_variant_is_purged(bilingual: NginxServer, origin: Origin, site: str) -> None:
    origin.pages["/a/"].headers["Vary"] = "Accept-Language, Cookie"
    languages = {"en": "version 1 en", "de": "version 1 de", "de-AT,en;q=0.5": "version 1 de", "fr": "version 1 en"}
    for language, body in languages.items():
        assert warm(bilingual, f"{site}/a/", {"Accept-Language": language}).text == body
    origin.change("/a/")
    variants = [{"Accept-Language": "en"}, {"Accept-Language": "de"}]
    assert nginx(bilingual, VARIANTS=variants).purge_urls([f"{site}/a/"]).removed == 2
    for language, body in languages.items():
        fresh = visit(bilingual, f"{site}/a/", {"Accept-Language": language})
        assert fresh.text == body.replace("1", "2")


def test_f09_compressed_and_plain_readers_share_one_copy(nginx_server: NginxServer, origin: Origin, site: str) -> None:
    origin.pages["/a/"].headers["Vary"] = "Accept-Encoding"
    encodings = ["gzip", "gzip, br", "identity"]
    warm(nginx_server, f"{site}/a/", {"Accept-Encoding": "gzip"})
    assert all(is_hit(visit(nginx_server, f"{site}/a/", {"Accept-Encoding": encoding})) for encoding in encodings)
    assert nginx(nginx_server).purge_urls([f"{site}/a/"]).removed == 1
    origin.change("/a/")
    bodies = {visit(nginx_server, f"{site}/a/", {"Accept-Encoding": encoding}).text for encoding in encodings}
    assert bodies == {"version 2"}


def test_f09_a_page_that_varies_by_something_undeclared_is_not_stored(
    nginx_server: NginxServer, origin: Origin, site: str
) -> None:
    origin.pages["/a/"].headers["Vary"] = "Cookie, X-Experiment"
    for _ in range(3):
        assert not is_hit(visit(nginx_server, f"{site}/a/"))


@pytest.mark.parametrize("variants", [[], "en", ["en"], None])
def test_variants_that_are_no_list_of_headers_are_refused(variants: object) -> None:
    with pytest.raises(ImproperlyConfigured, match="VARIANTS"):
        Nginx("nginx", "http://127.0.0.1:1", {"SECRET": SECRET, "VARIANTS": variants})


def test_f10_the_worker_survives_purges(nginx_server: NginxServer, origin: Origin, site: str) -> None:
    before = children_of(nginx_server.pid)
    for number in range(20):
        warm(nginx_server, f"{site}/{number}/")
        assert nginx(nginx_server).purge_urls([f"{site}/{number}/"]).removed == 1
    assert children_of(nginx_server.pid) == before
    assert not origin.seen("PURGE")


class TextbookNginx(NginxServer):
    """The purge in the location that proxies, as the module's own README shows it."""

    template = str(Path(__file__).parent / "naive_nginx.conf.template")

    def is_ready(self) -> bool:
        """Asked without a PURGE, which would crash it."""
        return accepts(self.port)


def test_f10_the_textbook_location_crashes_the_worker(state_folder: Path, origin: Origin, site: str) -> None:
    with TextbookNginx(state_folder, [origin.address], SECRET, name="textbook") as server:
        warm(server, f"{site}/a/")
        with pytest.raises(DeliveryError):
            nginx(server).purge_urls([f"{site}/a/"])
        wait_for(lambda: "exited on signal 11" in server.log_tail(), 5, "the worker's end")


def test_a_purge_needs_the_address_as_well_as_the_secret(state_folder: Path, origin: Origin, site: str) -> None:
    options = {"purge_addresses": ["192.0.2.1"]}
    with NginxServer(state_folder, [origin.address], SECRET, name="elsewhere", options=dict(options)) as server:
        warm(server, f"{site}/a/")
        forged = {"X-Purge-Secret": SECRET, "X-Forwarded-For": "192.0.2.1", "X-Real-IP": "192.0.2.1"}
        assert visit(server, f"{site}/a/", forged, method="PURGE").status == 403
        assert is_hit(visit(server, f"{site}/a/"))


@pytest.mark.parametrize("secret", ["", "wrong", SECRET.upper(), SECRET + "x", SECRET[:-1]])
def test_a_purge_without_the_exact_secret_is_refused(
    nginx_server: NginxServer, origin: Origin, site: str, secret: str
) -> None:
    answer = visit(nginx_server, f"{site}/a/", {"X-Purge-Secret": secret}, method="PURGE")
    assert answer.status == 403
    assert "X-Purged-By" not in answer.headers
    assert not origin.requests


def test_the_purge_location_can_not_be_visited(nginx_server: NginxServer, site: str) -> None:
    assert visit(nginx_server, f"{site}/__purge").status == 404


@pytest.mark.parametrize("method", ["BAN", "TRACE", "XKEYPURGE"])
def test_methods_that_no_application_serves_stop_here(
    nginx_server: NginxServer, origin: Origin, site: str, method: str
) -> None:
    assert visit(nginx_server, f"{site}/a/", method=method).status == 405
    assert not origin.requests


@pytest.mark.parametrize(
    "headers",
    [
        {"Cache-Control": "no-cache"},
        {"Pragma": "no-cache"},
        {"X-Bypass-Cache": "1"},
        {"Cookie": "_ga=GA1.2.3; theme=dark"},
        {"Range": "bytes=0-3"},
    ],
)
def test_f11_no_header_of_a_visitor_bypasses_the_cache(
    nginx_server: NginxServer, site: str, headers: dict[str, str | bytes]
) -> None:
    warm(nginx_server, f"{site}/a/")
    assert is_hit(visit(nginx_server, f"{site}/a/", headers))


def test_an_invented_port_does_not_reach_a_page_that_is_stored(
    nginx_server: NginxServer, origin: Origin, site: str
) -> None:
    visit(nginx_server, f"{site}:666/a/")
    assert origin.requests[-1].headers["host"] == f"{site[7:]}:{nginx_server.public_port}"


def test_a_strangers_scheme_is_not_believed(state_folder: Path, origin: Origin, site: str) -> None:
    options = {"trusted_proxies": ["192.0.2.1"], "purge_addresses": ["192.0.2.1"]}
    with NginxServer(state_folder, [origin.address], SECRET, name="stranger", options=dict(options)) as server:
        visit(server, f"{site}/a/", {"X-Forwarded-Proto": "https"})
        assert origin.requests[-1].headers["x-forwarded-proto"] == "http"


def test_f12_every_answer_carries_the_security_headers(nginx_server: NginxServer, origin: Origin, site: str) -> None:
    purge = {"X-Purge-Secret": SECRET}
    origin.pages["/missing/"].status = 404
    answers = [
        visit(nginx_server, f"{site}/a/"),
        visit(nginx_server, f"{site}/missing/"),
        visit(nginx_server, f"{site}/a/", method="BAN"),
        visit(nginx_server, f"{site}/a/", method="PURGE"),
        visit(nginx_server, f"{site}/a/", purge, method="PURGE"),
    ]
    assert [answer.status for answer in answers] == [200, 404, 405, 403, 200]
    for answer in answers:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"


def test_f12_the_applications_own_security_header_wins(nginx_server: NginxServer, origin: Origin, site: str) -> None:
    origin.pages["/a/"].headers["X-Frame-Options"] = "SAMEORIGIN"
    for _ in range(2):
        assert visit(nginx_server, f"{site}/a/").headers["X-Frame-Options"] == "SAMEORIGIN"


def test_a_missing_page_is_not_stored(nginx_server: NginxServer, origin: Origin, site: str) -> None:
    origin.pages["/a/"].status = 404
    for _ in range(3):
        assert not is_hit(visit(nginx_server, f"{site}/a/"))

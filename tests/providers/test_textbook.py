"""Textbook sites of Nginx and Varnish beside the shipped ones: each fault shows on the former alone (F11, F12, F13)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from deploy.local import Nginx, Varnish
from deploy.local.processes import accepts
from tests.fixtures.servers import SECRET
from tests.stand_ins.origin import CACHEABLE, Origin
from tests.stand_ins.visitor import is_hit, visit, warm

Server = Nginx | Varnish
HERE = Path(__file__).parent
#: What a browser that understands nothing but plain text may be sent.
PLAIN = {"Accept-Encoding": "identity"}


class TextbookNginx(Nginx):
    """Bypassed by a header; its headers stand in the server alone; calls plain files compressed."""

    template = str(HERE / "naive_site.conf.template")

    def is_ready(self) -> bool:
        """It knows no PURGE."""
        return accepts(self.port)


class TextbookVarnish(Varnish):
    """Passes what is no GET before it looks for a PURGE; forces a lifetime on everything."""

    template = str(HERE / "naive_site.vcl.template")


@pytest.fixture(scope="module")
def static_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("static")
    (folder / "plain.0123456789ab.css").write_text("p {}")
    return folder


@pytest.fixture(scope="module")
def textbook_nginx(state_folder: Path, origin_server: Origin, static_folder: Path) -> Iterator[Nginx]:
    options = {"static_folder": str(static_folder)}
    with TextbookNginx(state_folder, [origin_server.address], SECRET, name="naive_site", options=dict(options)) as one:
        yield one


@pytest.fixture(scope="module")
def shipped_nginx(state_folder: Path, origin_server: Origin, static_folder: Path) -> Iterator[Nginx]:
    options = {"static_folder": str(static_folder)}
    with Nginx(state_folder, [origin_server.address], SECRET, name="with_files", options=dict(options)) as server:
        yield server


@pytest.fixture(scope="module")
def textbook_varnish(state_folder: Path, origin_server: Origin) -> Iterator[Varnish]:
    with TextbookVarnish(state_folder, [origin_server.address], SECRET, name="naive_vcl") as server:
        yield server


def renders(server: Server, origin: Origin, url: str, headers: Mapping[str, str | bytes]) -> bool:
    """Does the header make a page that is cached be rendered again?"""
    warm(server, url)
    origin.forget()
    visit(server, url, headers)
    return bool(origin.seen("GET"))


def leaks(server: Server, origin: Origin, url: str, headers: Mapping[str, str | bytes]) -> bool:
    """Is what the origin gave to one visitor shown to the next?"""
    visit(server, url, headers)
    origin.change("/" + url.split("/", 3)[3])
    return visit(server, url).text == "version 1"


def test_f11_a_header_bypasses_the_textbook_cache_alone(
    textbook_nginx: Nginx, shipped_nginx: Nginx, origin: Origin, site: str
) -> None:
    bypass = {"X-Bypass-Cache": "1"}
    assert renders(textbook_nginx, origin, f"{site}/a/", bypass)
    assert not renders(shipped_nginx, origin, f"{site}/a/", bypass)


def test_f11_the_textbook_cache_alone_shows_to_all_what_was_for_one_with_credentials(
    textbook_nginx: Nginx, shipped_nginx: Nginx, origin: Origin, site: str
) -> None:
    credentials = {"Authorization": "Bearer x"}
    assert leaks(textbook_nginx, origin, f"{site}/naive/", credentials)
    assert not leaks(shipped_nginx, origin, f"{site}/shipped/", credentials)


def test_f12_a_header_in_a_location_drops_the_servers_in_the_textbook_site_alone(
    textbook_nginx: Nginx, shipped_nginx: Nginx, site: str
) -> None:
    security = {"X-Content-Type-Options", "X-Frame-Options"}
    assert not security & set(visit(textbook_nginx, f"{site}/a/").headers)
    assert security <= set(visit(shipped_nginx, f"{site}/a/").headers)


def test_f12_a_plain_file_is_called_compressed_in_the_textbook_site_alone(
    textbook_nginx: Nginx, shipped_nginx: Nginx, site: str
) -> None:
    target = f"{site}/static/plain.0123456789ab.css"
    assert visit(textbook_nginx, target, PLAIN).headers["Content-Encoding"] == "br"
    assert "Content-Encoding" not in visit(shipped_nginx, target, PLAIN).headers


def test_f13_a_purge_never_arrives_at_the_textbook_cache_alone(
    textbook_varnish: Varnish, varnish_server: Varnish, origin: Origin, site: str
) -> None:
    for server in (textbook_varnish, varnish_server):
        warm(server, f"{site}/a/")
        visit(server, f"{site}/a/", {"X-Purge-Secret": SECRET}, method="PURGE")
    assert is_hit(visit(textbook_varnish, f"{site}/a/"))
    assert not is_hit(visit(varnish_server, f"{site}/a/"))
    assert len(origin.seen("PURGE")) == 1


@pytest.mark.parametrize(
    "answer",
    [
        (200, {"Cache-Control": "private"}),
        (200, {**CACHEABLE, "Set-Cookie": "sessionid=x"}),
        (500, dict(CACHEABLE)),
    ],
    ids=["private", "setting a cookie", "failed"],
)
def test_f13_what_is_private_or_failed_is_kept_by_the_textbook_cache_alone(
    textbook_varnish: Varnish, varnish_server: Varnish, origin: Origin, site: str, answer: tuple[int, dict[str, str]]
) -> None:
    for path in ("/naive/", "/shipped/"):
        origin.pages[path].status, origin.pages[path].headers = answer
    assert leaks(textbook_varnish, origin, f"{site}/naive/", {})
    assert not leaks(varnish_server, origin, f"{site}/shipped/", {})


def test_f13_the_case_of_a_host_splits_pages_in_the_textbook_cache_alone(
    textbook_varnish: Varnish, varnish_server: Varnish, site: str
) -> None:
    loud = site.upper().replace("HTTP", "http")
    for server in (textbook_varnish, varnish_server):
        warm(server, f"{site}/a/")
    assert not is_hit(visit(textbook_varnish, f"{loud}:8080/a/"))
    assert is_hit(visit(varnish_server, f"{loud}:8080/a/"))

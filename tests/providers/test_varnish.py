"""The shipped Varnish site, with the faults that textbook sites have."""

from __future__ import annotations

import pytest

from deploy.local import Varnish as VarnishServer
from deploy.local import wait_for
from invalidation.providers.varnish import Varnish
from tests.fixtures.servers import SECRET
from tests.stand_ins.origin import CACHEABLE, Origin
from tests.stand_ins.visitor import is_hit, visit, warm


def varnish(server: VarnishServer, **options: object) -> Varnish:
    return Varnish("varnish", server.url, {"SECRET": SECRET, **options})


def test_f13_a_purge_is_handled_before_anything_is_passed(
    varnish_server: VarnishServer, origin: Origin, site: str
) -> None:
    warm(varnish_server, f"{site}/a/")
    private = {"X-Purge-Secret": SECRET, "Cookie": "sessionid=x", "Authorization": "Bearer x"}
    answer = visit(varnish_server, f"{site}/a/", private, method="PURGE")
    assert (answer.status, answer.headers["X-Purged-By"], answer.headers["X-Purge-Count"]) == (200, "varnish", "1")
    assert not origin.seen("PURGE")


def test_f13_a_page_is_cached_as_soon_as_it_is_no_longer_private(
    varnish_server: VarnishServer, origin: Origin, site: str
) -> None:
    origin.pages["/a/"].headers = {"Cache-Control": "no-store"}
    visit(varnish_server, f"{site}/a/")
    origin.pages["/a/"].headers = dict(CACHEABLE)
    warm(varnish_server, f"{site}/a/")


@pytest.mark.parametrize(
    "cookie", ["_ga=GA1.2.3", "theme=dark; _gid=1", "__utma=1; __utmz=2; _fbp=3", "not_sessionid=1"]
)
def test_cookies_that_change_nothing_do_not_bypass_the_cache(
    varnish_server: VarnishServer, origin: Origin, site: str, cookie: str
) -> None:
    visit(varnish_server, f"{site}/a/", {"Cookie": cookie})
    assert "cookie" not in origin.requests[-1].headers
    assert is_hit(visit(varnish_server, f"{site}/a/", {"Cookie": cookie}))


def test_every_variant_is_purged(varnish_server: VarnishServer, origin: Origin, site: str) -> None:
    origin.pages["/a/"].headers["Vary"] = "Accept-Language"
    for language in ("en", "de"):
        warm(varnish_server, f"{site}/a/", {"Accept-Language": language})
    assert varnish(varnish_server).purge_urls([f"{site}/a/"]).removed == 2
    for language in ("en", "de"):
        assert not is_hit(visit(varnish_server, f"{site}/a/", {"Accept-Language": language}))


def test_a_softly_purged_page_is_shown_once_more_and_then_new(
    varnish_server: VarnishServer, origin: Origin, site: str
) -> None:
    warm(varnish_server, f"{site}/a/")
    origin.change("/a/")
    assert varnish(varnish_server, SOFT=True).purge_urls([f"{site}/a/"]).removed == 1
    old = visit(varnish_server, f"{site}/a/")
    assert (old.text, old.headers["X-Accel-Expires"]) == ("version 1", "0")
    wait_for(lambda: visit(varnish_server, f"{site}/a/").text == "version 2", 5, "the new version")


def test_a_purge_does_not_wait_for_a_fetch_that_is_under_way(
    varnish_server: VarnishServer, origin: Origin, site: str
) -> None:
    origin.pages["/slow/"].delay_seconds = 3
    provider = varnish(varnish_server, TIMEOUT_SECONDS=2)
    with pytest.raises(Exception, match="did not answer"):
        impatient(varnish_server, f"{site}/slow/")
    assert provider.purge_urls([f"{site}/slow/"]).removed == 0


def impatient(server: VarnishServer, url: str) -> None:
    """Ask for a page and leave before it comes; Varnish goes on fetching it."""
    varnish(server, TIMEOUT_SECONDS=0.2)._node.send("GET", "/slow/", {"Host": url.split("/")[2]})


@pytest.mark.parametrize("method", ["BAN", "TRACE", "XKEYPURGE"])
def test_methods_that_no_application_serves_stop_here(
    varnish_server: VarnishServer, origin: Origin, site: str, method: str
) -> None:
    assert visit(varnish_server, f"{site}/a/", method=method).status == 405
    assert not origin.requests


@pytest.mark.parametrize("header", ["X-Ban-Everything", "xkey-purge", "X-Ban-Prefix"])
def test_a_visitors_purge_headers_purge_nothing(
    varnish_server: VarnishServer, origin: Origin, site: str, header: str
) -> None:
    origin.pages["/a/"].headers["xkey"] = "/a/"
    warm(varnish_server, f"{site}/a/")
    assert visit(varnish_server, f"{site}/a/", {header: "/a/"}, method="PURGE").status == 403
    assert visit(varnish_server, f"{site}/a/", {header: "/a/", "X-Purge-Secret": SECRET}).status == 200
    assert is_hit(visit(varnish_server, f"{site}/a/"))


@pytest.mark.parametrize("prefix", ["/a.b/", "/a(b/", "/a|/", "/[a]/", "/a$b/", "/a%5E/"])
def test_a_prefix_is_taken_literally(varnish_server: VarnishServer, site: str, prefix: str) -> None:
    warm(varnish_server, f"{site}{prefix}x/")
    warm(varnish_server, f"{site}/aXb/x/")
    varnish(varnish_server).purge_prefixes([site + prefix])
    assert not is_hit(visit(varnish_server, f"{site}{prefix}x/"))
    assert is_hit(visit(varnish_server, f"{site}/aXb/x/"))


def test_bookkeeping_is_hidden(varnish_server: VarnishServer, site: str) -> None:
    hidden = {"x-ban-url", "x-ban-host", "x-ban-scheme", "via", "x-varnish"}
    assert not hidden & {name.lower() for name in warm(varnish_server, f"{site}/a/").headers}


def test_a_response_with_a_long_tag_header_is_stored_and_purgeable(
    varnish_server: VarnishServer, origin: Origin, site: str
) -> None:
    tags = [f"blog.post:{number}.{site[7:20]}" for number in range(500)]
    origin.pages["/a/"].headers["xkey"] = " ".join(tags)
    warm(varnish_server, f"{site}/a/")
    assert varnish(varnish_server).purge_tags([tags[-1]]).removed == 1

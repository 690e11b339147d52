"""What the shipped sites of both proxies do alike, with the faults that textbook sites have."""

from __future__ import annotations

import pytest

from tests.providers.subjects import ProxySubject
from tests.stand_ins.origin import CACHEABLE, Origin
from tests.stand_ins.visitor import is_hit, visit, warm

ODD_TARGETS = [
    "/",
    "/blog/",
    "/blog/?",
    "/blog/?b=2&a=1",
    "/blog/?a=1&b=2",
    "/blog/?page=2&page=2",
    "/blog/?next=%2Fa%2F",
    "/blog/?q=a+b",
    "/blog/?q=a?b",
    "/caf%C3%A9/",
    "/caf%c3%a9/",
    "/sp%20ace/",
    "/double//slash/",
    "//double/",
    "/dots/../dots/./",
    "/a%2Fb/",
    "/Upper/Case/",
    "/semi;colon/comma,/",
    "/tilde~/(round)/[square]/",
    "/pipe|/quote'/",
    "/percent%25/",
]


@pytest.mark.parametrize("target", ODD_TARGETS)
def test_f08_f13_an_odd_target_is_purged_as_it_was_stored(
    proxy: ProxySubject, origin: Origin, site: str, target: str
) -> None:
    warm(proxy.server, site + target)
    assert origin.requests[-1].target == target
    assert proxy.provider().purge_urls([site + target]).removed == 1
    assert not is_hit(visit(proxy.server, site + target))


def test_a_target_that_is_not_ascii_is_sent_as_browsers_send_it(proxy: ProxySubject, site: str) -> None:
    warm(proxy.server, f"{site}/caf%C3%A9/")
    assert proxy.provider().purge_urls([f"{site}/café/"]).removed == 1


def test_f08_f13_the_case_of_the_host_and_its_port_make_no_other_page(proxy: ProxySubject, site: str) -> None:
    loud = site.upper().replace("HTTP", "http")
    warm(proxy.server, f"{site}/a/")
    assert is_hit(visit(proxy.server, f"{loud}:8080/a/"))
    assert proxy.provider().purge_urls([f"{loud}:80/a/"]).removed == 1
    assert not is_hit(visit(proxy.server, f"{site}/a/"))


def test_f08_f13_http_and_https_are_stored_and_purged_apart(proxy: ProxySubject, site: str) -> None:
    secure = site.replace("http:", "https:")
    warm(proxy.server, f"{site}/a/")
    warm(proxy.server, f"{secure}/a/")
    assert proxy.provider().purge_urls([f"{secure}/a/"]).removed == 1
    assert is_hit(visit(proxy.server, f"{site}/a/"))
    assert not is_hit(visit(proxy.server, f"{secure}/a/"))


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (200, {}),
        (200, {"Cache-Control": "private, max-age=60"}),
        (200, {"Cache-Control": "no-store"}),
        (200, {**CACHEABLE, "Set-Cookie": "sessionid=x"}),
        (200, {**CACHEABLE, "Vary": "*"}),
        (500, dict(CACHEABLE)),
        (503, dict(CACHEABLE)),
    ],
)
def test_f13_nothing_private_unmarked_or_failed_is_stored(
    proxy: ProxySubject, origin: Origin, site: str, status: int, headers: dict[str, str]
) -> None:
    origin.pages["/a/"].status = status
    origin.pages["/a/"].headers = headers
    for _ in range(3):
        assert not is_hit(visit(proxy.server, f"{site}/a/"))
    assert len(origin.seen("GET")) == 3


@pytest.mark.parametrize(
    "headers", [{"Authorization": "Bearer x"}, {"Cookie": "sessionid=x"}, {"Cookie": "a=b; csrftoken=x"}]
)
def test_f11_f13_private_requests_are_neither_answered_from_the_cache_nor_stored(
    proxy: ProxySubject, origin: Origin, site: str, headers: dict[str, str | bytes]
) -> None:
    visit(proxy.server, f"{site}/a/", headers)
    assert not is_hit(visit(proxy.server, f"{site}/a/"))
    assert is_hit(visit(proxy.server, f"{site}/a/"))
    origin.change("/a/")
    assert visit(proxy.server, f"{site}/a/", headers).text == "version 2"
    assert visit(proxy.server, f"{site}/a/").text == "version 1"


def test_tags_are_hidden_and_the_sequence_is_shown(proxy: ProxySubject, origin: Origin, site: str) -> None:
    origin.pages["/a/"].headers |= {"xkey": "t", "Cache-Tag": "t", "Surrogate-Key": "t", "X-Cache-Sequence": "7"}
    headers = warm(proxy.server, f"{site}/a/").headers
    assert headers["X-Cache-Sequence"] == "7"
    assert not {"xkey", "cache-tag", "surrogate-key"} & {name.lower() for name in headers}

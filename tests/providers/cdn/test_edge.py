"""The edge that plays Cloudflare's caches, before a real application."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from tests.stand_ins.cloudflare import API_TOKEN, ZONE_ID, Cloudflare
from tests.stand_ins.edge import Edge
from tests.stand_ins.origin import Origin


@pytest.fixture
def cdn(origin: Origin) -> Iterator[Cloudflare]:
    with Cloudflare(plan="pro", origin=origin.url) as vendor:
        yield vendor


@pytest.fixture
def edge(cdn: Cloudflare) -> Edge:
    assert cdn.edge
    return cdn.edge


def get(edge: Edge, target: str = "/a/", **headers: str) -> tuple[str, str]:
    """What the edge did, and the body."""
    answer = requests.get(edge.url + target, headers=headers, timeout=5)
    return answer.headers["CF-Cache-Status"], answer.text


def purge(cdn: Cloudflare, selector: dict[str, object], verb: str = "purge_cache") -> None:
    answer = requests.post(
        f"{cdn.url}/client/v4/zones/{ZONE_ID}/{verb}",
        json=selector,
        headers={"Authorization": f"Bearer {API_TOKEN}"},
        timeout=5,
    )
    assert answer.json()["success"], answer.text


def test_a_page_is_kept_until_it_is_purged_by_url(cdn: Cloudflare, edge: Edge, origin: Origin) -> None:
    assert [get(edge), get(edge)] == [("MISS", "version 1"), ("HIT", "version 1")]
    origin.change("/a/")
    assert get(edge) == ("HIT", "version 1")
    purge(cdn, {"files": [f"{edge.url}/a/"]})
    assert get(edge) == ("MISS", "version 2")


@pytest.mark.parametrize("kind", ["tags", "hosts", "prefixes", "purge_everything"])
def test_every_selector_removes_it(cdn: Cloudflare, edge: Edge, origin: Origin, kind: str) -> None:
    origin.pages["/a/"].headers["Cache-Tag"] = "blog.post:1,blog.post"
    host = edge.url.removeprefix("http://")
    selectors = {"tags": ["BLOG.post:1"], "hosts": [host], "prefixes": [f"{host}/a"], "purge_everything": True}
    get(edge)
    purge(cdn, {kind: selectors[kind]})
    assert get(edge)[0] == "MISS"


def test_visitors_never_see_the_tags(edge: Edge, origin: Origin) -> None:
    origin.pages["/a/"].headers["Cache-Tag"] = "blog.post:1"
    for _ in range(2):
        assert "Cache-Tag" not in requests.get(f"{edge.url}/a/", timeout=5).headers


def test_a_soft_purge_makes_it_ask_again(cdn: Cloudflare, edge: Edge, origin: Origin) -> None:
    get(edge)
    origin.change("/a/")
    purge(cdn, {"files": [f"{edge.url}/a/"]}, "invalidate_cache")
    assert get(edge) == ("EXPIRED", "version 2")


@pytest.mark.parametrize(
    "headers",
    [
        {"Cache-Control": "no-store"},
        {"Cache-Control": "private, max-age=60"},
        {"Cache-Control": "public, s-maxage=60", "Set-Cookie": "a=b"},
        {"Cache-Control": "public, s-maxage=60", "CDN-Cache-Control": "no-store"},
        {},
    ],
)
def test_what_may_not_be_shared_is_not_kept(edge: Edge, origin: Origin, headers: dict[str, str]) -> None:
    origin.pages["/a/"].headers = headers
    get(edge)
    origin.change("/a/")
    assert get(edge) == ("BYPASS", "version 2")


def test_a_cdns_own_lifetime_prevails(edge: Edge, origin: Origin) -> None:
    origin.pages["/a/"].headers = {"Cache-Control": "max-age=0", "CDN-Cache-Control": "max-age=60"}
    assert [get(edge)[0], get(edge)[0]] == ["MISS", "HIT"]


def test_requests_with_credentials_and_posts_pass(edge: Edge, origin: Origin) -> None:
    get(edge)
    assert get(edge, Authorization="Basic x")[0] == "DYNAMIC"
    assert requests.post(f"{edge.url}/a/", data="x", timeout=5).headers["CF-Cache-Status"] == "DYNAMIC"
    assert [request.method for request in origin.requests] == ["GET", "GET", "POST"]


def test_a_visitor_who_has_the_page_gets_304(edge: Edge, origin: Origin) -> None:
    origin.pages["/a/"].headers["ETag"] = '"one"'
    get(edge)
    answer = requests.get(f"{edge.url}/a/", headers={"If-None-Match": '"one"'}, timeout=5)
    assert (answer.status_code, answer.headers["CF-Cache-Status"]) == (304, "HIT")

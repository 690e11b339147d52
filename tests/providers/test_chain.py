"""Nginx over Varnish: what one tier tells the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import Nginx, Varnish, wait_for
from invalidation.providers.varnish import Varnish as VarnishProvider
from tests.fixtures.servers import SECRET
from tests.stand_ins.origin import Origin
from tests.stand_ins.visitor import is_hit, visit, warm


@pytest.fixture(scope="module")
def outer(state_folder: Path, varnish_server: Varnish) -> Iterator[Nginx]:
    """An Nginx that fills from the Varnish of the run."""
    with Nginx(state_folder, [f"127.0.0.1:{varnish_server.port}"], SECRET, name="outer") as server:
        yield server


def status(server: Nginx, url: str) -> str | None:
    """What Nginx alone says about its copy; Varnish's word passes through it as well."""
    return visit(server, url).headers.get("X-Cache-Status")


def test_the_outer_tier_does_not_keep_a_copy_that_the_inner_one_shows_in_grace(
    outer: Nginx, varnish_server: Varnish, origin: Origin, site: str
) -> None:
    warm(varnish_server, f"{site}/a/")
    VarnishProvider("varnish", varnish_server.url, {"SECRET": SECRET, "SOFT": True}).purge_urls([f"{site}/a/"])
    origin.change("/a/")
    assert visit(outer, f"{site}/a/").text == "version 1"
    wait_for(lambda: visit(outer, f"{site}/a/").text == "version 2", 5, "the new version in the outer tier")


def test_a_copy_does_not_start_a_second_life_in_the_outer_tier(
    outer: Nginx, varnish_server: Varnish, origin: Origin, site: str
) -> None:
    origin.pages["/a/"].headers["Cache-Control"] = "public, s-maxage=2"
    warm(varnish_server, f"{site}/a/")
    wait_for(lambda: visit(varnish_server, f"{site}/a/").headers["X-Accel-Expires"] == "0", 5, "its last second")
    origin.change("/a/")
    assert status(outer, f"{site}/a/") == "MISS"
    seen = []

    def is_new() -> bool:
        answer = visit(outer, f"{site}/a/")
        seen.append((answer.text, answer.headers["X-Cache-Status"]))
        return answer.text == "version 2"

    wait_for(is_new, 5, "the new version")
    assert ("version 1", "HIT") not in seen


@pytest.mark.parametrize("headers", [{"Cache-Control": "no-store"}, {"Cache-Control": "public", "Set-Cookie": "a=b"}])
def test_what_the_inner_tier_refuses_the_outer_one_refuses_too(
    outer: Nginx, origin: Origin, site: str, headers: dict[str, str]
) -> None:
    origin.pages["/a/"].headers = headers
    assert [status(outer, f"{site}/a/") for _ in range(3)] == ["MISS"] * 3
    assert not is_hit(visit(outer, f"{site}/a/"))

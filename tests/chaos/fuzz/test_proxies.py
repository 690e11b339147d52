"""The shipped Nginx and Varnish, asked what hostile visitors ask: they purge nothing and keep what they had."""

from __future__ import annotations

import random
from typing import Any

import pytest
import requests

from deploy.local import Nginx, Varnish
from tests.chaos.fuzz.examples import REQUESTS
from tests.chaos.hostile.flood import sent
from tests.chaos.hostile.wishes import FORGED, SMUGGLED, SPELLINGS, WISHES, made, wish
from tests.stand_ins.origin import Origin

PATH = "/corpus/"


@pytest.fixture(params=["varnish_server", "nginx_server"])
def proxy(request: pytest.FixtureRequest) -> Varnish | Nginx:
    found: Varnish | Nginx = request.getfixturevalue(request.param)
    return found


def corpus(host: str) -> list[bytes]:
    """Each oddity at least once, then as chance has it; the same every time."""
    chance = random.Random(PATH)
    every = [kind(chance, PATH, host) for kind in WISHES]
    every += [made("GET", spelling.format(PATH), host, chance) for spelling in SPELLINGS]
    every += [made(method, PATH, host, chance, headers) for headers in FORGED for method in ("GET", "PURGE", "POST")]
    every += [text.format(PATH, host).encode("latin-1") for text in SMUGGLED]
    return every + [wish(chance, [PATH], host) for _ in range(REQUESTS)]


def test_the_corpus_purges_nothing_ends_nothing_and_reaches_no_stored_page(
    proxy: Any, origin: Origin, site: str
) -> None:
    host = site.removeprefix("http://")
    before = requests.get(proxy.url + PATH, headers={"Host": host}, timeout=10).text
    origin.change(PATH)
    for request in corpus(host):
        sent(proxy.port, request)
        assert proxy.running, request
    after = requests.get(proxy.url + PATH, headers={"Host": host}, timeout=10).text
    assert after == before, "a purge, or a page of the visitor's making, has taken its place"
    assert not [
        seen for seen in origin.requests if seen.method not in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH")
    ]

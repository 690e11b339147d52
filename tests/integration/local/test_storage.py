"""F30: the shipped sites store nothing that any of the four headers of lifetimes forbids, whatever the others say."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from deploy.local import Nginx, Varnish
from invalidation.providers.http import Node
from tests.fixtures.servers import SECRET
from tests.stand_ins.origin import Origin
from tests.stand_ins.visitor import is_hit

CONTROLS = [
    "",
    "public, s-maxage=600",
    "max-age=600",
    "private",
    "Private, max-age=600",
    "no-store",
    "no-cache, max-age=600",
    's-maxage=600, no-cache="Set-Cookie"',
]
SURROGATES = ["", "max-age=600", 'content="ESI/1.0"', "no-store", "max-age=600, private"]
TARGETED = ["", "max-age=600", "no-store"]
ACCELERATED = ["", "600"]
FORBIDDING = ("private", "no-store", "no-cache")


def headers_of(values: tuple[str, ...], first: str) -> dict[str, str]:
    """Those that are not empty; one of them before the others, because Nginx minds the order."""
    names = ("Cache-Control", "Surrogate-Control", "CDN-Cache-Control", "X-Accel-Expires")
    found = {name: value for name, value in zip(names, values, strict=True) if value}
    return dict(sorted(found.items(), key=lambda item: item[0] != first))


def combinations() -> list[dict[str, str]]:
    both = ("Cache-Control", "X-Accel-Expires")
    wanted = product(product(CONTROLS, SURROGATES, TARGETED, ACCELERATED), both)
    found = [tuple(headers_of(values, first).items()) for values, first in wanted]
    return [dict(headers) for headers in dict.fromkeys(found)]


@pytest.fixture(scope="module", params=["nginx", "varnish", "nginx over varnish"])
def front(
    request: pytest.FixtureRequest, state_folder: Path, nginx_server: Nginx, varnish_server: Varnish
) -> Iterator[Any]:
    """Each site before the origin, and one behind the other."""
    if request.param == "nginx over varnish":
        with Nginx(state_folder, [f"127.0.0.1:{varnish_server.port}"], SECRET, name="over-varnish") as outer:
            yield outer
    else:
        yield {"nginx": nginx_server, "varnish": varnish_server}[request.param]


def test_f30_no_combination_of_headers_stores_what_one_of_them_forbids(front: Any, origin: Origin, site: str) -> None:
    stored, missed = [], []
    visitor, host = Node("visitor", front.url, timeout_seconds=10), {"Host": site.removeprefix("http://")}
    for number, headers in enumerate(combinations()):
        origin.pages[f"/{number}/"].headers = headers
        answers = [visitor.send("GET", f"/{number}/", host) for _ in range(2)]
        forbidden = any(word in value.lower() for value in headers.values() for word in FORBIDDING)
        if forbidden and (is_hit(answers[1]) or len(origin.requests) != 2):
            stored.append(headers)
        if not forbidden and "s-maxage" in headers.get("Cache-Control", "") and not is_hit(answers[1]):
            missed.append(headers)
        origin.requests.clear()
    assert stored == []
    # A composed page is kept by Varnish alone.
    assert [headers for headers in missed if "ESI" not in headers.get("Surrogate-Control", "")] == []

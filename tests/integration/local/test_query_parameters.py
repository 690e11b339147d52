"""C11: what visitors append to an address makes no further page, in the shipped sites as the application reckons it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.local import Nginx, Varnish
from invalidation.providers.base import Provider
from invalidation.providers.nginx import Nginx as NginxProvider
from invalidation.providers.varnish import Varnish as VarnishProvider
from invalidation.proxies.templates import Value
from invalidation.targets.parameters import Parameters
from tests.fixtures.servers import SECRET
from tests.stand_ins.origin import Origin
from tests.stand_ins.visitor import is_hit, visit, warm

DECLARED = Parameters.of({"^/blog/$": ["tag", "page"], "^/(about|blog)/": []})
#: As a visitor sends it, and as it is stored.
SPELLINGS = [
    ("/blog/?x=1", "/blog/"),
    ("/blog/?utm_source=a&page=2&fbclid=b", "/blog/?page=2"),
    ("/blog/?tag=a&page=2", "/blog/?page=2&tag=a"),
    ("/blog/?page=2&page=3", "/blog/?page=2"),
    ("/blog/?page=&page=3", "/blog/?page=3"),
    ("/blog/?page", "/blog/"),
    ("/blog/?xpage=2&page=3", "/blog/?page=3"),
    ("/blog/?PAGE=2", "/blog/"),
    ("/blog/?page=%2F+a", "/blog/?page=%2F+a"),
    ("/blog/?page=a?b=c", "/blog/?page=a?b=c"),
    ("/blog/?", "/blog/"),
    ("/blog/?&&", "/blog/"),
    ("/about/?page=2", "/about/"),
    ("/blog/a/?x=1", "/blog/a/"),
    ("/other/?x=1&a", "/other/?x=1&a"),
    ("/other/?", "/other/?"),
]
Proxy = tuple[Any, Provider]


@pytest.fixture(scope="module", params=["nginx", "varnish"])
def proxy(request: pytest.FixtureRequest, state_folder: Path, origin_server: Origin) -> Iterator[Proxy]:
    """A shipped site that was given the parameters."""
    kind, product = {"nginx": (Nginx, NginxProvider), "varnish": (Varnish, VarnishProvider)}[request.param]
    options: dict[str, Value] = {"query_parameters": DECLARED.declared, "public_port": ""}
    with kind(state_folder, [origin_server.address], SECRET, name=f"{request.param}-query", options=options) as server:
        yield server, product("tier", server.url, {"SECRET": SECRET})


@pytest.mark.parametrize(("sent", "stored"), SPELLINGS)
def test_c11_what_is_stored_and_asked_for_is_what_the_application_reckons(
    proxy: Proxy, origin: Origin, site: str, sent: str, stored: str
) -> None:
    assert DECLARED.canonical(sent) == stored
    server, provider = proxy
    visit(server, site + sent)
    assert [seen.target for seen in origin.seen("GET")] == [stored]
    assert is_hit(visit(server, site + stored))
    assert provider.purge_urls([site + sent]).removed == 1
    assert not is_hit(visit(server, site + stored))


def test_c11_a_thousand_made_up_addresses_are_one_page(proxy: Proxy, origin: Origin, site: str) -> None:
    for number in range(1000):
        visit(proxy[0], f"{site}/blog/?{number}={'x' * 2000}&page=2")
    assert len(origin.seen("GET")) == 1


@pytest.mark.parametrize("headers", [{"Cookie": "sessionid=x"}, {"Authorization": "Bearer x"}])
def test_what_somebody_known_or_a_form_asks_is_passed_on_as_it_came(
    proxy: Proxy, origin: Origin, site: str, headers: dict[str, str | bytes]
) -> None:
    visit(proxy[0], f"{site}/blog/?x=1&page=2", headers)
    visit(proxy[0], f"{site}/blog/?x=1", method="POST")
    assert [seen.target for seen in origin.requests] == ["/blog/?x=1&page=2", "/blog/?x=1"]


def test_a_prefix_purges_what_was_stored_with_parameters(proxy: Proxy, site: str) -> None:
    server, provider = proxy
    if not provider.supports_prefixes:
        pytest.skip("this product has no prefixes")
    warm(server, f"{site}/blog/?page=2&x=1")
    provider.purge_prefixes([f"{site}/blog/"])
    assert not is_hit(visit(server, f"{site}/blog/?page=2"))


NAMES = st.sampled_from(["page", "tag", "x", "PAGE", "pag"])
QUERIES = st.lists(st.tuples(NAMES, st.text("ab12%&=?", max_size=4)), max_size=6)


@given(QUERIES)
def test_the_canonical_target_is_its_own_and_names_nothing_undeclared(pairs: list[tuple[str, str]]) -> None:
    query = "&".join(f"{name}={value}" for name, value in pairs)
    canonical = DECLARED.canonical(f"/blog/?{query}")
    assert DECLARED.canonical(canonical) == canonical
    assert re.fullmatch(r"/blog/(\?(page=[^&]+)?&?(tag=[^&]+)?)?", canonical)
    assert DECLARED.know(canonical)
    assert DECLARED.know(f"/blog/?{query}") is (canonical == f"/blog/?{query}")

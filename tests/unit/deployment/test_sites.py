"""A tier that serves some of the sites alone is asked for pages of these alone."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from pytest_django import Settings

from invalidation.providers.filling import nodes
from tests.stand_ins.origin import CACHEABLE, Origin
from tests.unit.deployment.test_deployment import phase, run


@pytest.fixture
def other(site: str, settings: Settings) -> str:
    """A second site, which Varnish serves and Nginx does not."""
    name = f"http://{uuid.uuid4().hex}.test"
    tiers = settings.INVALIDATION["TIERS"]
    nginx = tiers["nginx"] | {"SITES": [site]}
    settings.INVALIDATION = settings.INVALIDATION | {"SITES": [site, name], "TIERS": tiers | {"nginx": nginx}}
    return name


def statuses(url: str) -> dict[str, str]:
    """What each tier says of its copy, the outermost asked first, so that no one fills another before it is asked."""
    return {node.tier: node.fetch(url).cache_status for node in reversed(nodes())}


def test_a_tier_is_warmed_with_pages_of_the_sites_that_it_serves(site: str, other: str) -> None:
    code, report = run("warm_cache", "--critical-only")
    assert (code, report["urls"], report["requests"], report["failures"]) == (0, 4, 6, [])
    assert statuses(f"{site}/") == {"varnish": "HIT", "nginx": "HIT"}
    assert statuses(f"{other}/") == {"varnish": "HIT", "nginx": "MISS"}


def test_a_sitemap_is_asked_for_at_the_outermost_node_that_serves_its_site(
    site: str, other: str, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = "".join(f"<url><loc>{one}/listed/</loc></url>" for one in (site, other))
    body = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{listed}</urlset>'
    monkeypatch.setattr(origin, "body", lambda _page, _headers: body)
    code, report = run("warm_cache")
    assert (code, report["urls"], report["requests"], report["problems"]) == (0, 6, 9, [])
    assert statuses(f"{site}/sitemap.xml") == {"varnish": "HIT", "nginx": "HIT"}
    assert statuses(f"{other}/sitemap.xml") == {"varnish": "HIT", "nginx": "MISS"}


def test_a_sitemap_that_no_node_serves_is_not_asked_for(site: str, other: str, settings: Settings) -> None:
    tiers: dict[str, Any] = settings.INVALIDATION["TIERS"]
    served = {name: tier | {"SITES": [site]} for name, tier in tiers.items()}
    settings.INVALIDATION = settings.INVALIDATION | {"TIERS": served}
    _, report = run("warm_cache")
    assert [other in problem for problem in report["problems"]] == [False]


@pytest.mark.usefixtures("worker")
def test_a_deployment_is_proved_at_each_tier_for_the_sites_that_it_serves(
    site: str, other: str, origin: Origin
) -> None:
    for path in ("/", "/blog/"):
        origin.pages[path].headers = {**CACHEABLE, "X-Cache-Sequence": "9999999999999999"}
    code, report = phase("deploy")
    assert (code, report["problems"], report["warmed"]["requests"]) == (0, [], 6)
    code, report = phase("post")
    assert (code, report["problems"]) == (0, [])
    assert [(page["tier"], page["url"]) for page in report["pages"]] == [
        *[("varnish", f"{one}{path}") for path in ("/", "/blog/") for one in (site, other)],
        *[("nginx", f"{site}{path}") for path in ("/", "/blog/")],
    ]

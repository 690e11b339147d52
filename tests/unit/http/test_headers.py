"""Tag headers of every product, each within its limits."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from pytest_django import Settings

from invalidation.http import add_cache_tags
from invalidation.http.headers import set_tag_headers
from invalidation.middleware import CacheTagMiddleware

Tier = dict[str, Any]
PROVIDERS = "invalidation.providers"
CLOUDFLARE: Tier = {
    "PROVIDER": f"{PROVIDERS}.cloudflare.Cloudflare",
    "OPTIONS": {"ZONE_ID": "z", "API_TOKEN": "t" * 40},
}
CLOUDFRONT: Tier = {"PROVIDER": f"{PROVIDERS}.cloudfront.CloudFront", "OPTIONS": {"DISTRIBUTION_ID": "d"}}
FASTLY: Tier = {"PROVIDER": f"{PROVIDERS}.fastly.Fastly", "OPTIONS": {"SERVICE_ID": "s", "API_TOKEN": "t" * 40}}
VARNISH: Tier = {
    "PROVIDER": f"{PROVIDERS}.varnish.Varnish",
    "NODES": ["http://127.0.0.1:1"],
    "OPTIONS": {"SECRET": "s" * 16},
}
GROUPS: Tier = {
    "PROVIDER": f"{PROVIDERS}.generic.GenericHTTP",
    "NODES": ["http://127.0.0.1:1"],
    "OPTIONS": {
        "URLS": {"METHOD": "PURGE", "TARGET": "{target}"},
        "PROOF": "purged",
        "TAG_HEADER": "Cache-Groups",
    },
}


def headers(settings: Settings, tiers: list[Tier], tags: list[str]) -> dict[str, str] | None:
    """What a response carries; None where the tags don't fit."""
    named = {f"tier{number}": tier for number, tier in enumerate(tiers)}
    settings.INVALIDATION = settings.INVALIDATION | {"TIERS": named, "SITES": ["https://example.com"]}
    response = HttpResponse()
    fit = set_tag_headers(response, tags)
    return {name: value for name, value in response.items() if name != "Content-Type"} if fit else None


def test_each_product_reads_its_own_header(settings: Settings) -> None:
    assert headers(settings, [CLOUDFLARE, FASTLY, VARNISH, GROUPS], ["b", "a"]) == {
        "Cache-Tag": "a,b",
        "Surrogate-Key": "a b",
        "xkey": "a b",
        "Cache-Groups": '"a", "b"',
    }
    assert headers(settings, [CLOUDFLARE, VARNISH], []) == {}


def many(count: int, characters: int = 6) -> list[str]:
    """So many short tags."""
    return [f"{number:0{characters}}" for number in range(count)]


@pytest.mark.parametrize(
    ("tier", "fits", "too_many"),
    [
        (CLOUDFRONT, many(50), many(51)),
        (CLOUDFLARE, many(1000), many(160, 100)),
        (FASTLY, many(1000), many(163, 100)),
        (VARNISH, many(1000), many(1100)),
        (GROUPS, many(32), many(33)),
        (GROUPS, many(2, 32), many(2, 33)),
    ],
    ids=["CloudFront", "Cloudflare", "Fastly", "Varnish", "number of groups", "length of a group"],
)
def test_f26_more_than_a_product_keeps_is_not_sent_at_all(
    settings: Settings, tier: Tier, fits: list[str], too_many: list[str]
) -> None:
    assert headers(settings, [tier], fits)
    assert headers(settings, [tier], too_many) is None


@pytest.mark.parametrize("tiers", [[CLOUDFLARE, CLOUDFRONT], [CLOUDFRONT, CLOUDFLARE]])
def test_a_header_that_two_products_read_keeps_to_the_limits_of_both(settings: Settings, tiers: list[Tier]) -> None:
    assert headers(settings, tiers, many(50))
    assert headers(settings, tiers, many(51)) is None


def test_f26_a_page_whose_tags_do_not_fit_is_not_cached(settings: Settings) -> None:
    settings.INVALIDATION = settings.INVALIDATION | {"TIERS": {"cdn": CLOUDFRONT}, "SITES": ["http://testserver"]}
    request = RequestFactory().get("/")

    def view(_: object) -> HttpResponse:
        add_cache_tags(request, *many(51))
        return HttpResponse(headers={"Cache-Control": "public, s-maxage=60"})

    response = CacheTagMiddleware(view)(request)
    assert response["Cache-Control"] == "no-store"
    assert not response.has_header("Cache-Tag")

"""Verification at a CDN: pages are asked for where visitors reach its edge."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from deploy.local import Redis
from invalidation.exceptions import TransientError, UnsupportedOperation
from invalidation.models import Batch, Event, Verification
from invalidation.pipeline.aftercare import verify
from tests.providers.cdn.pipeline import declare, purge, run_to_its_end
from tests.providers.cdn.products import PRODUCTS, Product
from tests.stand_ins.cloudflare import Cloudflare
from tests.stand_ins.edge import GZIP, Edge
from tests.stand_ins.origin import Origin


@pytest.fixture
def cdn(origin: Origin) -> Iterator[Product]:
    """Cloudflare with an edge before the origin."""
    product = PRODUCTS["cloudflare"]()
    product.vendor = Cloudflare(plan="enterprise", origin=origin.url)
    product.options["API_URL"] = product.vendor.url
    with product.vendor:
        yield product


def edge_of(product: Product) -> Edge:
    assert isinstance(product.vendor, Cloudflare)
    assert product.vendor.edge
    return product.vendor.edge


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("where", ["site", "the edge's own address"])
def test_a_stale_copy_at_the_edge_is_found_and_purged_again(
    cdn: Product, origin: Origin, settings: Settings, redis_server: Redis, where: str
) -> None:
    edge = edge_of(cdn)
    site = edge.url if where == "site" else "http://blog.test"
    cdn.options |= {"EDGE": "site" if where == "site" else edge.url, "ACCOUNT": site}
    declare(settings, cdn, SITES=[site], REDIS_URL=redis_server.url())
    url = f"{site}/a/"
    origin.pages["/a/"].headers["X-Cache-Sequence"] = "1"
    cdn.provider().fetch(url)
    copy = cdn.vendor.copies.get(url, GZIP)
    assert copy
    delivery = purge(urls=[url])
    assert run_to_its_end(delivery) == ["purged"]
    cdn.vendor.copies.store(url, variant=GZIP, content=copy.content)  # where the purge has not arrived
    origin.pages["/a/"].headers["X-Cache-Sequence"] = str(2**52)  # what is rendered from now on is newer
    (row,) = verify.check("default", delivery.batch, [url])
    assert (row.tier, row.cache_status, row.sequence, row.stale) == ("cloudflare", "HIT", 1, True)
    again = Event.objects.get(source="verify")
    assert again.targets == {"urls": [url]}
    run_to_its_end(purge(urls=[url]))
    (row,) = verify.check("default", Batch.objects.latest("pk"), [url])
    assert (row.cache_status, row.stale, Verification.objects.count()) == ("MISS", False, 2)


@pytest.mark.parametrize("name", ["cloudflare", "cloudfront", "fastly", "bunny"])
def test_without_an_address_nobody_is_asked(name: str) -> None:
    made = PRODUCTS[name]()
    provider = made.provider_class(name, "", made.options)
    assert not provider.supports_fetch
    with pytest.raises(UnsupportedOperation):
        provider.fetch("http://blog.test/a/")


@pytest.mark.parametrize("name", ["cloudflare", "cloudfront", "fastly", "bunny"])
def test_every_cdn_can_be_asked_where_its_edge_is(name: str, origin: Origin) -> None:
    made = PRODUCTS[name]()
    probe = made.provider_class(name, "", {**made.options, "EDGE": origin.url}).fetch("http://blog.test/a/")
    assert (probe.status_code, origin.requests[-1].headers["host"]) == (200, "blog.test")


def test_an_edge_that_is_down_is_told() -> None:
    made = PRODUCTS["cloudflare"]()
    with pytest.raises(TransientError):
        made.provider_class("cloudflare", "", {**made.options, "EDGE": "site"}).fetch("http://127.0.0.1:9/a/")


@pytest.mark.parametrize("where", ["here", "https://user:password@example.com", "https://example.com/path"])
def test_an_address_that_is_none_is_refused(where: str) -> None:
    made = PRODUCTS["cloudflare"]()
    with pytest.raises(ImproperlyConfigured, match="EDGE") as refused:
        made.provider_class("cloudflare", "", {**made.options, "EDGE": where})
    assert "password" not in str(refused.value)

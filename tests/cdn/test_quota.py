"""A flood within a plan's limits: the vendor never says "too many", and no call is wasted."""

from __future__ import annotations

import math

import pytest
from pytest_django import Settings

from deploy.local import Redis, wait_for
from invalidation.models import Delivery
from invalidation.pipeline import deliver
from invalidation.pipeline.transitions import FINAL
from tests.cdn.pipeline import SITE, declare, purge
from tests.cdn.products import PRODUCTS
from tests.stand_ins.cloudflare import Cloudflare


@pytest.mark.timeout(240)
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("url_count", "tag_count"), [(3_000, 2_600), pytest.param(30_000, 3_000, marks=pytest.mark.chaos)]
)
def test_a_flood_stays_within_the_plan_and_needs_the_fewest_calls(
    settings: Settings, redis_server: Redis, url_count: int, tag_count: int
) -> None:
    product = PRODUCTS["cloudflare"]()
    product.vendor = Cloudflare(plan="pro")
    product.options |= {"PLAN": "pro", "API_URL": product.vendor.url, "ACCOUNT": f"flood-{url_count}"}
    declare(settings, product, REDIS_URL=redis_server.url(), BACKOFF_BASE_SECONDS=0.05, BACKOFF_CAP_SECONDS=0.2)
    urls = [f"{SITE}/{number}/" for number in range(url_count)]
    tags = [f"blog.post:{number}" for number in range(tag_count)]
    with product.vendor as vendor:
        delivery = purge(urls=urls, tags=tags, prefixes=[f"{SITE}/blog/"])
        wait_for(lambda: _turned(delivery), 200, "the flood's end")
        assert delivery.status == "purged", delivery.error
        assert vendor.refusals == []
        assert len(vendor.log) == delivery.calls == math.ceil(url_count / 30) + math.ceil(tag_count / 100) + 1
        purged = [item for purge in vendor.log for item in purge["items"]]
        assert len(purged) == len(set(purged)) == url_count + tag_count + 1


def _turned(delivery: Delivery) -> bool:
    """One more turn, if it is due."""
    deliver.deliver("default", delivery.pk)
    delivery.refresh_from_db()
    return delivery.status in FINAL

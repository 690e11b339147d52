"""Each injectable fault on each CDN ends in the right status, and nothing is lost."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from pytest_django import Settings

from deploy.local import Redis
from invalidation.models import Event
from invalidation.pipeline.delivery import deliver
from tests.providers.cdn import faults
from tests.providers.cdn.faults import PRODUCTS, TROUBLES, Trouble
from tests.providers.cdn.pipeline import SITE, declare, purge, run_to_its_end
from tests.providers.cdn.products import PRODUCTS as MADE

pytestmark = pytest.mark.takes(20)

CELLS = [(name, trouble) for name in PRODUCTS for trouble in TROUBLES if trouble.only in ("", name)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("name", "trouble"), CELLS, ids=lambda value: getattr(value, "words", value))
def test_a_fault_ends_in_the_right_status_with_nothing_lost(name: str, trouble: Trouble, settings: Settings) -> None:
    product = MADE[name]()
    product.options |= {"TIMEOUT_SECONDS": 1.0} if trouble.kind == "hang" else {}
    product.options |= {"TAGS": True} if name == "cloudfront" else {}
    declare(settings, product)
    with product.vendor as vendor:
        vendor.copies.store(f"{SITE}/a/", "blog.post")
        delivery = purge(tags=["blog.post"])
        vendor.fail(trouble.kind, trouble.times, **trouble.details)
        path = run_to_its_end(delivery)
        assert tuple(path) == trouble.expected(name), delivery.error
        purged = path[-1] == "purged"
        assert (f"{SITE}/a/" in vendor.copies) is not purged
        assert Event.objects.get().status == ("done" if purged else "dead")
        assert purged or delivery.error


def test_the_documentation_shows_the_fault_matrix() -> None:
    assert faults.PAGE.read_text() == faults.page(), "run: python -m tests.providers.cdn.faults"


@pytest.mark.parametrize("fault", faults.NAMED)
def test_every_fault_found_by_attack_has_its_tests(fault: str) -> None:
    file = Path(__file__).resolve().parents[3] / faults.NAMED[fault][1]
    assert f"def test_{fault.lower()}_" in file.read_text()


@pytest.mark.django_db(transaction=True)
def test_a_pause_that_a_vendor_asks_for_is_kept(settings: Settings) -> None:
    product = MADE["cloudflare"]()
    declare(settings, product, BACKOFF_BASE_SECONDS=0.001)
    with product.vendor as vendor:
        delivery = purge(tags=["blog.post"])
        vendor.fail("throttled", seconds=30)
        deliver.deliver("default", delivery.pk)
        delivery.refresh_from_db()
        assert 25 < delivery.available_at.timestamp() - time.time() <= 30
        assert delivery.attempts == 0


@pytest.mark.django_db(transaction=True)
def test_a_pause_that_one_worker_was_asked_for_is_kept_by_all(settings: Settings, redis_server: Redis) -> None:
    product = MADE["cloudflare"]()
    product.options["ACCOUNT"] = "paused"
    declare(settings, product, REDIS_URL=redis_server.url(), BACKOFF_BASE_SECONDS=0.001)
    with product.vendor as vendor:
        first, second = purge(tags=["blog.post"]), purge(tags=["blog.category"])
        vendor.fail("throttled", seconds=30)
        for delivery in (first, second):
            deliver.deliver("default", delivery.pk)
            delivery.refresh_from_db()
            assert (delivery.status, delivery.attempts) == ("deferred", 0)
            assert 25 < delivery.available_at.timestamp() - time.time() <= 30
        assert (vendor.requests, first.error) == (1, f"{vendor.url} asks for a pause.")

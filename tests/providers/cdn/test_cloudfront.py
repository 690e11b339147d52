"""What is CloudFront's alone: references, jobs, tags that must be configured, tenants."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import Settings

from invalidation.exceptions import RejectedError
from invalidation.models import Delivery
from invalidation.pipeline.aftercare import replay
from invalidation.pipeline.delivery import deliver, lease
from tests.providers.cdn.pipeline import SITE, declare, hours_later, purge, run_to_its_end
from tests.providers.cdn.products import PRODUCTS, Product
from tests.stand_ins import cloudfront as vendor_module
from tests.stand_ins.cloudfront import CloudFront


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("duplicates", ["documented", "always"])
def test_a_worker_killed_between_acceptance_and_status_leads_to_one_invalidation(
    duplicates: str, settings: Settings
) -> None:
    product = _made(duplicates=duplicates)
    declare(settings, product)
    with product.vendor as vendor:
        delivery = purge(tags=["blog.post"], urls=[f"{SITE}/a/"])
        taken = lease.take("default", delivery.pk)
        assert taken
        deliver.attempt(taken)  # CloudFront accepts; the worker dies before it settles
        hours_later()
        assert run_to_its_end(delivery)[-1] == "purged"
        assert [purge["items"] for purge in vendor.log] == [["#blog.post"], ["/a/"]]


@pytest.mark.django_db(transaction=True)
def test_f1_two_batches_of_one_instant_are_two_invalidations(settings: Settings) -> None:
    product = _made()
    declare(settings, product)
    with product.vendor as vendor:
        for _ in range(2):
            run_to_its_end(purge(urls=[f"{SITE}/a/"]))
        assert len({purge["reference"] for purge in vendor.log}) == 2


@pytest.mark.django_db(transaction=True)
def test_a_replay_is_an_invalidation_of_its_own(settings: Settings) -> None:
    product = _made()
    declare(settings, product)
    with product.vendor as vendor:
        delivery = purge(urls=[f"{SITE}/a/"])
        run_to_its_end(delivery)
        Delivery.objects.update(status="dead")
        replay.replay(Delivery.objects.all(), actor="somebody")
        run_to_its_end(delivery)
        assert len({purge["reference"] for purge in vendor.log}) == 2


@pytest.mark.django_db(transaction=True)
def test_without_a_tag_configuration_tags_are_not_sent(settings: Settings) -> None:
    product = _made(tag_header="")
    declare(settings, product)
    with product.vendor as vendor:
        delivery = purge(tags=["blog.post"], urls=[f"{SITE}/a/"])
        assert run_to_its_end(delivery)[-1] == "purged"
        assert [purge["items"] for purge in vendor.log] == [["/a/"]]


def test_tags_of_another_header_are_not_ours() -> None:
    product = _made(tag_header="X-Other")
    with product.vendor:
        assert not product.provider().supports_tags
        assert product.provider(TAG_HEADER="x-other").supports_tags


def test_a_tenant_is_purged_alone() -> None:
    product = _made()
    with product.vendor as vendor:
        provider = product.provider(DISTRIBUTION_TENANT_ID=vendor_module.TENANT_ID)
        product.purge("purge_urls", [f"{SITE}/a/"], provider=provider)
        assert isinstance(vendor, CloudFront)
        assert [job.owner for job in vendor.jobs.values()] == [vendor_module.TENANT_ID]


def test_a_distribution_that_is_not_there_is_refused() -> None:
    product = _made()
    with product.vendor, pytest.raises(RejectedError, match="NoSuchDistribution"):
        product.provider(DISTRIBUTION_ID="ENONE", TAGS=False).purge_urls([f"{SITE}/a/"])


@pytest.mark.parametrize("duplicates", ["documented", "observed"])
def test_a_reference_of_another_job_is_refused(duplicates: str) -> None:
    product = _made(duplicates=duplicates)
    with product.vendor:
        provider: Any = product.provider()
        first = provider.purge_urls([f"{SITE}/a/"], reference="one")
        assert provider.purge_urls([f"{SITE}/a/"], reference="one").external_id == first.external_id


def _made(**options: Any) -> Product:
    product = PRODUCTS["cloudfront"]()
    product.vendor = CloudFront(**{"quota": "concurrency", "seconds": 0.05, **options})
    product.options["ENDPOINT_URL"] = product.vendor.url
    return product

"""The vendors' own clients against the stand-ins: what they understand is a fair likeness of the vendor."""

from __future__ import annotations

from typing import Any

import boto3
import fastly as fastly_client
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from cloudflare import BadRequestError, RateLimitError
from cloudflare import Cloudflare as CloudflareClient
from fastly.api import purge_api

from tests.providers.cdn.products import Product
from tests.stand_ins import cloudflare as cloudflare_vendor
from tests.stand_ins import cloudfront as cloudfront_vendor
from tests.stand_ins import fastly as fastly_vendor
from tests.stand_ins.cloudfront import CloudFront

PAGE = "https://example.com/a/"


@pytest.fixture
def cloudflare_client(cloudflare: Product) -> CloudflareClient:
    base_url = f"{cloudflare.vendor.url}/client/v4"
    return CloudflareClient(api_token=cloudflare_vendor.API_TOKEN, base_url=base_url, max_retries=0)


def aws(vendor: CloudFront) -> Any:
    return boto3.session.Session().client(
        "cloudfront",
        region_name="us-east-1",
        endpoint_url=vendor.url,
        aws_access_key_id=cloudfront_vendor.ACCESS_KEY_ID,
        aws_secret_access_key=cloudfront_vendor.SECRET_ACCESS_KEY,
        config=Config(retries={"mode": "standard", "total_max_attempts": 1}),
    )


def batch(reference: str, *items: str) -> dict[str, object]:
    return {"Paths": {"Quantity": len(items), "Items": list(items)}, "CallerReference": reference}


def test_cloudflares_client_purges_by_tag(cloudflare: Product, cloudflare_client: CloudflareClient) -> None:
    cloudflare.vendor.copies.store(PAGE, "blog.post")
    answer = cloudflare_client.cache.purge(zone_id=cloudflare_vendor.ZONE_ID, tags=["BLOG.post"])
    assert answer
    assert answer.id == cloudflare_vendor.ZONE_ID
    assert cloudflare.vendor.copies.urls() == []


def test_cloudflares_client_invalidates_softly(cloudflare: Product, cloudflare_client: CloudflareClient) -> None:
    cloudflare.vendor.copies.store(PAGE)
    cloudflare_client.cache.invalidate(zone_id=cloudflare_vendor.ZONE_ID, files=[PAGE])
    copy = cloudflare.vendor.copies.get(PAGE)
    assert copy
    assert copy.stale


def test_cloudflares_client_takes_a_partial_acceptance_for_nothing(
    cloudflare: Product, cloudflare_client: CloudflareClient
) -> None:
    cloudflare.vendor.fail("partial")
    assert cloudflare_client.cache.purge(zone_id=cloudflare_vendor.ZONE_ID, tags=["a"]) is None


def test_cloudflares_client_understands_the_refusals(cloudflare: Product, cloudflare_client: CloudflareClient) -> None:
    for selector in ({}, {"tags": [f"t{number}" for number in range(101)]}, {"purge_everything": True, "tags": ["a"]}):
        with pytest.raises(BadRequestError) as refused:
            cloudflare_client.cache.purge(zone_id=cloudflare_vendor.ZONE_ID, **selector)
        assert refused.value.errors[0].code in (1012, 1092)
    cloudflare.vendor.fail("throttled", seconds=7)
    with pytest.raises(RateLimitError) as throttled:
        cloudflare_client.cache.purge(zone_id=cloudflare_vendor.ZONE_ID, tags=["a"])
    assert throttled.value.response.headers["Retry-After"] == "7"


def test_cloudflares_client_keeps_cache_rules(cloudflare: Product, cloudflare_client: CloudflareClient) -> None:
    phases, zone = cloudflare_client.rulesets.phases, cloudflare_vendor.ZONE_ID
    rule: Any = {
        "action": "set_cache_settings",
        "expression": "true",
        "action_parameters": {"cache": True},
        "ref": "mine",
    }
    phases.update("http_request_cache_settings", zone_id=zone, rules=[rule])
    found = phases.get("http_request_cache_settings", zone_id=zone)
    assert [held.ref for held in found.rules] == ["mine"]


def test_awss_client_starts_follows_and_lists_a_job(cloudfront: Product) -> None:
    assert isinstance(cloudfront.vendor, CloudFront)
    cloudfront.vendor.copies.store(PAGE, "blog.post")
    client, name = aws(cloudfront.vendor), cloudfront_vendor.DISTRIBUTION_ID
    job = client.create_invalidation(DistributionId=name, InvalidationBatch=batch("one", "/x", "#blog.post"))
    assert job["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert job["Location"]
    assert job["Invalidation"]["Status"] == "InProgress"
    waiter = client.get_waiter("invalidation_completed")
    waiter.wait(DistributionId=name, Id=job["Invalidation"]["Id"], WaiterConfig={"Delay": 1, "MaxAttempts": 5})
    assert cloudfront.vendor.copies.urls() == []
    listed = client.list_invalidations(DistributionId=name)
    assert [held["Status"] for held in listed["InvalidationList"]["Items"]] == ["Completed"]


@pytest.mark.parametrize(
    ("items", "code"),
    [
        (["no-slash"], "InvalidArgument"),
        (["/a*b"], "InvalidArgument"),
        (["/~user"], "InvalidArgument"),
        (["/ü"], "InvalidArgument"),
        (["#with,comma"], "InvalidArgument"),
        (["/" + "x" * 4000], "InvalidArgument"),
        (["/a"] * 3001, "BatchTooLarge"),
        ([f"/{number}*" for number in range(16)], "TooManyInvalidationsInProgress"),
    ],
)
def test_aws_refuses_what_its_documentation_forbids(cloudfront: Product, items: list[str], code: str) -> None:
    assert isinstance(cloudfront.vendor, CloudFront)
    name = cloudfront_vendor.DISTRIBUTION_ID
    with pytest.raises(ClientError) as refused:
        aws(cloudfront.vendor).create_invalidation(DistributionId=name, InvalidationBatch=batch("one", *items))
    assert refused.value.response["Error"]["Code"] == code


@pytest.mark.parametrize(
    ("duplicates", "code"), [("documented", "InvalidationBatchAlreadyExists"), ("observed", "InvalidArgument")]
)
def test_aws_knows_a_reference_that_it_has_seen(duplicates: str, code: str) -> None:
    with CloudFront(duplicates=duplicates) as vendor:
        client, name = aws(vendor), cloudfront_vendor.DISTRIBUTION_ID
        jobs = [
            client.create_invalidation(DistributionId=name, InvalidationBatch=batch("one", "/a"))["Invalidation"]["Id"]
            for _ in range(2)
        ]
        assert len(set(jobs)) == 1
        with pytest.raises(ClientError) as refused:
            client.create_invalidation(DistributionId=name, InvalidationBatch=batch("one", "/b"))
        assert refused.value.response["Error"]["Code"] == code


def test_awss_client_is_throttled_by_the_rate(cloudfront: Product) -> None:
    with CloudFront(quota="rate") as vendor:
        client, name = aws(vendor), cloudfront_vendor.DISTRIBUTION_ID
        client.create_invalidation(DistributionId=name, InvalidationBatch=batch("one", "/a*"))
        with pytest.raises(ClientError) as refused:
            client.create_invalidation(DistributionId=name, InvalidationBatch=batch("two", "/b*"))
        assert refused.value.response["Error"]["Code"] == "Throttling"


def test_fastlys_client_purges(fastly: Product) -> None:
    configuration = fastly_client.Configuration(host=fastly.vendor.url)
    configuration.api_token = fastly_vendor.API_TOKEN
    fastly.vendor.copies.store(PAGE, "one", "two")
    fastly.vendor.copies.store("https://example.com/b/")
    service = fastly_vendor.SERVICE_ID
    with fastly_client.ApiClient(configuration) as client:
        purges = purge_api.PurgeApi(client)
        found = purges.bulk_purge_tag(
            service_id=service, purge_response={"surrogate_keys": ["one"]}, fastly_soft_purge=1
        )
        assert list(found.to_dict()) == ["one"]
        assert purges.purge_single_url(cached_url="example.com/b/")["status"] == "ok"
        assert purges.purge_tag(service_id=service, surrogate_key="two")["status"] == "ok"
        assert purges.purge_all(service_id=service)["status"] == "ok"
        keys = [str(number) for number in range(257)]
        with pytest.raises(fastly_client.ApiException):
            purges.bulk_purge_tag(service_id=service, purge_response={"surrogate_keys": keys})
    assert [purge["verb"] for purge in fastly.vendor.log] == ["keys", "url", "keys", "all"]

"""What every CDN's provider promises, shown on the stand-in that plays its vendor."""

from __future__ import annotations

import time

import pytest
from django.core.exceptions import ImproperlyConfigured

from deploy.local import free_port
from invalidation.exceptions import (
    DeliveryError,
    RejectedError,
    Throttled,
    TransientError,
    Unrecognised,
    UnsupportedOperation,
)
from tests.cdn.products import Product

SITE = "https://example.com"
WRONG_SECRET = "not-the-secret-at-all"


def test_a_purge_by_url_removes_that_page_and_no_other(product: Product) -> None:
    for page in ("a/", "b/", "a/?page=2"):
        product.vendor.copies.store(f"{SITE}/{page}")
    product.purge("purge_urls", [f"{SITE}/a/"])
    assert product.vendor.copies.urls() == [f"{SITE}/a/?page=2", f"{SITE}/b/"]


def test_a_purge_by_tag_removes_every_page_that_carries_one_of_them(product: Product) -> None:
    for page, tags in {"a": ("blog.post:1", "blog.post"), "b": ("blog.post:2",), "c": ("blog.post:3",)}.items():
        product.vendor.copies.store(f"{SITE}/{page}/", *tags)
    product.purge("purge_tags", ["blog.post:1", "blog.post:2"][: product.provider().max_tags_per_call])
    assert f"{SITE}/a/" not in product.vendor.copies
    assert f"{SITE}/c/" in product.vendor.copies


def test_a_purge_by_prefix_removes_what_starts_with_it(product: Product) -> None:
    provider = product.provider()
    if not provider.supports_prefixes:
        with pytest.raises(UnsupportedOperation):
            provider.purge_prefixes([f"{SITE}/blog/"])
        return
    pages = [f"{SITE}/blog/a/", f"{SITE}/blog/b/?page=2", f"{SITE}/about/blog/"]
    for page in pages:
        product.vendor.copies.store(page)
    product.purge("purge_prefixes", [f"{SITE}/blog/"])
    assert product.vendor.copies.urls() == [f"{SITE}/about/blog/"]


def test_a_purge_of_everything_removes_every_page(product: Product) -> None:
    product.vendor.copies.store(f"{SITE}/a/")
    product.vendor.copies.store(f"{SITE}/b/", "blog.post")
    product.purge("purge_everything")
    assert product.vendor.copies.urls() == []


def test_the_same_purge_twice_is_harmless(product: Product) -> None:
    product.vendor.copies.store(f"{SITE}/a/")
    for _ in range(2):
        product.purge("purge_urls", [f"{SITE}/a/"])
    assert product.vendor.copies.urls() == []


def test_odd_urls_are_taken(product: Product) -> None:
    for url in (f"{SITE}/ü/?q=ä", f"{SITE}/a%20b/", f"{SITE}/x?a=1&b=2", f"{SITE}/~user/[1]|2", SITE):
        product.purge("purge_urls", [url])


def test_as_many_items_as_one_call_takes_are_taken(product: Product) -> None:
    provider = product.provider()
    product.purge("purge_urls", [f"{SITE}/{number}/" for number in range(provider.max_urls_per_call)])
    product.purge("purge_tags", [f"tag.{number}" for number in range(provider.max_tags_per_call)])
    if provider.supports_prefixes:
        product.purge("purge_prefixes", [f"{SITE}/{number}/" for number in range(provider.max_prefixes_per_call)])
    assert not product.vendor.refusals


def test_a_soft_purge_leaves_a_stale_copy(product: Product) -> None:
    if not product.soft:
        return
    product.vendor.copies.store(f"{SITE}/a/", "blog.post")
    product.purge("purge_tags", ["blog.post"], provider=product.provider(SOFT=True))
    assert product.vendor.copies.urls() == []
    assert product.vendor.copies.get(f"{SITE}/a/")


def test_a_purge_with_the_wrong_secret_is_refused(product: Product) -> None:
    product.vendor.copies.store(f"{SITE}/a/")
    with pytest.raises((RejectedError, Unrecognised)):
        product.purge("purge_urls", [f"{SITE}/a/"], provider=product.provider(**_wrong(product)))
    assert f"{SITE}/a/" in product.vendor.copies


def test_an_api_that_hangs_is_given_up_after_the_timeout(product: Product) -> None:
    provider = product.provider(TIMEOUT_SECONDS=0.3)
    product.vendor.fail("hang")
    started_at = time.monotonic()
    with pytest.raises(TransientError):
        product.purge("purge_urls", [f"{SITE}/a/"], provider=provider)
    assert time.monotonic() - started_at < 10


def test_an_api_that_is_down_is_worth_another_attempt(product: Product) -> None:
    name = {"cloudfront": "ENDPOINT_URL"}.get(product.name, "API_URL")
    url = f"http://127.0.0.1:{free_port()}"
    if product.node:
        product.node = url
        provider = product.provider_class(product.name, url, product.options)
    else:
        provider = product.provider_class(product.name, "", {**product.options, name: url})
    with pytest.raises(TransientError) as failed:
        product.purge("purge_urls", [f"{SITE}/a/"], provider=provider)
    assert not isinstance(failed.value, Throttled)


def test_a_secret_is_in_no_repr_and_no_error(product: Product) -> None:
    for fault in ("echo", "unauthorized"):
        product.vendor.fail(fault)
        provider = product.provider(**({"TAGS": True} if product.name == "cloudfront" else {}))
        with pytest.raises(DeliveryError) as refused:
            product.purge("purge_urls", [f"{SITE}/a/"], provider=provider)
        told = f"{provider!r} {refused.value!r} {refused.value} {refused.value.reply} {refused.value.__cause__!r}"
        assert product.secret not in told


def test_an_unknown_option_is_named(product: Product) -> None:
    with pytest.raises(ImproperlyConfigured, match="SECRTE"):
        product.provider(SECRTE="misspelt")


def test_a_missing_secret_is_named(product: Product) -> None:
    if product.name in ("cloudfront", "generic"):
        return  # boto3 finds credentials elsewhere too; a cache on an internal network may need none
    with pytest.raises(ImproperlyConfigured, match=product.secret_option):
        product.provider(**{product.secret_option: ""})


def _wrong(product: Product) -> dict[str, object]:
    wrong: dict[str, object] = {product.secret_option: WRONG_SECRET}
    return wrong | {"TAGS": True} if product.name == "cloudfront" else wrong

"""Soft purges: the old copy may be shown while a new one is fetched."""

from __future__ import annotations

from tests.providers.cdn.products import Product

SITE = "https://example.com"


def test_a_soft_purge_leaves_a_stale_copy(product: Product) -> None:
    if not product.soft:
        return
    product.vendor.copies.store(f"{SITE}/a/", "blog.post")
    product.purge("purge_tags", ["blog.post"], provider=product.provider(SOFT=True))
    assert product.vendor.copies.urls() == []
    assert product.vendor.copies.get(f"{SITE}/a/")

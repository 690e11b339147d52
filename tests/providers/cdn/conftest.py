"""Stand-ins for the CDNs, one of each kind for a test that asks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.providers.cdn.products import PRODUCTS, Product


def _running(name: str) -> Iterator[Product]:
    product = PRODUCTS[name]()
    with product.vendor:
        yield product


@pytest.fixture(params=sorted(PRODUCTS))
def product(request: pytest.FixtureRequest) -> Iterator[Product]:
    """Each CDN in turn."""
    yield from _running(request.param)


@pytest.fixture
def cloudflare() -> Iterator[Product]:
    yield from _running("cloudflare")


@pytest.fixture
def cloudfront() -> Iterator[Product]:
    yield from _running("cloudfront")


@pytest.fixture
def fastly() -> Iterator[Product]:
    yield from _running("fastly")


@pytest.fixture
def bunny() -> Iterator[Product]:
    yield from _running("bunny")

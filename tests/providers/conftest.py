"""The products under the contract."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import Settings

from deploy.local import Nginx, Redis, Varnish
from tests.providers import subjects
from tests.providers.cdn.products import PRODUCTS
from tests.stand_ins.origin import Origin

CDNS = sorted(PRODUCTS)
LOCAL = ("memory", "redis", "varnish", "nginx")


@pytest.fixture(params=[*LOCAL, *CDNS])
def subject(request: pytest.FixtureRequest) -> Iterator[subjects.Subject]:
    """Each product in turn; its server or its vendor's stand-in starts when it is its turn."""
    if request.param in LOCAL:
        yield request.getfixturevalue(f"{request.param}_subject")
        return
    product = PRODUCTS[request.param]()
    with product.vendor:
        yield subjects.CdnSubject(product)


@pytest.fixture(params=["varnish", "nginx"])
def proxy(request: pytest.FixtureRequest) -> Any:
    """Each proxy."""
    return request.getfixturevalue(f"{request.param}_subject")


@pytest.fixture
def memory_subject() -> subjects.MemorySubject:
    return subjects.MemorySubject()


@pytest.fixture
def redis_subject(redis_server: Redis, settings: Settings) -> subjects.RedisSubject:
    return subjects.RedisSubject(settings, redis_server)


@pytest.fixture
def varnish_subject(varnish_server: Varnish, origin: Origin) -> subjects.ProxySubject:
    return subjects.varnish(varnish_server, origin)


@pytest.fixture
def nginx_subject(nginx_server: Nginx, origin: Origin) -> subjects.ProxySubject:
    return subjects.nginx(nginx_server, origin)

"""Requests and responses of every kind, through the middleware."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.core.cache import cache
from django.http import HttpRequest, HttpResponseBase
from django.test import RequestFactory
from pytest_django import Settings

from invalidation.middleware import CachePolicyMiddleware
from tests.fixtures.grouped import grouped

PUBLIC = "public, max-age=0, s-maxage=600"
Send = Callable[..., HttpResponseBase]


@pytest.fixture(autouse=True)
def _policy(settings: Settings) -> None:
    """One rule that makes everything below /public/ public."""
    rules = [{"PATHS": ["^/public/"], "CACHE_CONTROL": PUBLIC}]
    settings.INVALIDATION = grouped({**settings.INVALIDATION, "POLICY": rules})


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def through_policy(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """The response as it leaves."""
    left: HttpResponseBase = CachePolicyMiddleware(lambda _: response)(request)
    return left


@pytest.fixture
def rf() -> RequestFactory:
    return RequestFactory()

"""Automatic tags are on, and values are cached on a Redis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.test import RequestFactory
from pytest_django import Settings

from invalidation.middleware import CacheTagMiddleware
from tests.fixtures.grouped import grouped

PUBLIC = {"Cache-Control": "public, s-maxage=600"}
#: A page, and the request that it answers.
Rendered = tuple[HttpRequest, HttpResponseBase]


@pytest.fixture(autouse=True)
def _automatic(settings: Settings, shared_cache: None) -> None:
    settings.INVALIDATION = grouped({**settings.INVALIDATION, "AUTOMATIC_TAGS": True})


@pytest.fixture
def render(rf: RequestFactory) -> Callable[..., Rendered]:
    """Serves a page that shows what a function reads; as a visitor with these headers."""

    def rendered(read: Callable[[], Any], **headers: str) -> Rendered:
        request = rf.get("/read/", headers=headers)
        page = CacheTagMiddleware(lambda _: HttpResponse(repr(read()), headers=PUBLIC))
        return request, page(request)

    return rendered

"""Tags that a page writes itself are kept beside ours; an unusable one costs the page no more than its long life."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from structlog.testing import capture_logs

from invalidation import conf
from invalidation.freshness import index
from invalidation.http import add_cache_tags
from invalidation.middleware import CacheTagMiddleware
from tests.integration.freshness.conftest import Declare
from tests.unit.http.test_headers import CLOUDFLARE, FASTLY, GROUPS, VARNISH

Respond = Callable[..., HttpResponse]


@pytest.fixture
def respond(declare: Declare) -> Respond:
    """The response to a page that writes these headers and adds these tags."""
    declare({"cloudflare": CLOUDFLARE, "fastly": FASTLY, "varnish": VARNISH, "groups": GROUPS})

    def responding(headers: dict[str, str], tags: list[Any]) -> HttpResponse:
        def view(request: HttpRequest) -> HttpResponse:
            add_cache_tags(request, *tags)
            return HttpResponse(headers={"Cache-Control": "public, s-maxage=600", **headers})

        response: HttpResponse = CacheTagMiddleware(view)(RequestFactory().get("/page/"))
        return response

    return responding


def test_a_pages_own_headers_are_merged_with_ours(respond: Respond) -> None:
    response = respond({"Cache-Tag": "own,Own Product", "Surrogate-Key": "other", "xkey": "ours third"}, ["ours"])
    assert response["Cache-Tag"].split(",") == ["other", "ours", "own", "third", "Own Product"]
    assert response["Surrogate-Key"] == response["xkey"] == "other ours own third"
    assert response["Cache-Groups"] == '"other", "ours", "own", "third"'
    assert response["Cache-Control"] == "public, s-maxage=600"


def test_our_purges_find_a_page_by_its_own_tag(respond: Respond, freshness_redis: redis.Redis) -> None:
    respond({"Cache-Groups": '"own", "other"'}, [])
    assert index.urls_of(freshness_redis, {"own"})[0] == {"http://testserver/page/"}


def test_a_page_with_too_many_tags_of_its_own_is_not_stored(respond: Respond) -> None:
    response = respond({"xkey": " ".join(f"Tag-{number}" for number in range(3000))}, ["ours"])
    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize("tag", ["Not A Tag", "", "x" * 129, "naïve", None, 7, "a\r\nSet-Cookie: b"])
def test_an_unusable_tag_is_named_and_the_page_is_sent_with_a_short_life(respond: Respond, tag: Any) -> None:
    with capture_logs() as logs:
        response = respond({}, ["ours", tag])
    assert response.status_code == 200
    assert response["xkey"] == "ours"
    assert response["Cache-Control"] == f"public, max-age=0, s-maxage={conf.settings().pages.degraded_ttl_seconds}"
    (named,) = (line for line in logs if line["event"] == "unusable_tags")
    assert named["tags"] == [repr(tag)]
    assert named["path"] == "/page/"


def test_a_tag_written_to_the_request_past_us_is_judged_too(declare: Declare) -> None:
    declare({"varnish": VARNISH})

    def view(request: Any) -> HttpResponse:
        request.cache_tags = {"ours", "Not A Tag"}
        return HttpResponse(headers={"Cache-Control": "public, s-maxage=600"})

    response = CacheTagMiddleware(view)(RequestFactory().get("/page/"))
    assert response["xkey"] == "ours"
    assert "s-maxage=10" in response["Cache-Control"]

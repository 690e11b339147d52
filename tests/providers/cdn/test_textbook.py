"""Textbook clients of CDNs beside ours: each fault shows on the former alone (F7, F26)."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from django.test import RequestFactory
from pytest_django import Settings

from invalidation import conf, providers
from invalidation.http import add_cache_tags
from invalidation.middleware import CacheTagMiddleware
from invalidation.providers.registry import provider
from tests.providers.cdn import naive

MODULES = ["bunny", "cloudflare", "cloudfront", "fastly", "generic"]
#: What CloudFront keeps of a response: "Tag-based invalidation", quotas.
TAGS_PER_RESPONSE = 50
TAGS = [f"blog.post:{number:03}" for number in range(TAGS_PER_RESPONSE + 1)]


def declared(token: str) -> dict[str, Any]:
    """INVALIDATION with a zone of Cloudflare."""
    options = {"ZONE_ID": "z" * 32, "API_TOKEN": token}
    tier = {"PROVIDER": "invalidation.providers.cloudflare.Cloudflare", "OPTIONS": options}
    return {"TIERS": {"cdn": tier}, "SITES": ["https://example.com"]}


def test_f7_the_naive_module_can_not_be_imported_without_its_variable_and_keeps_what_it_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code = compile(naive.CLIENT_MODULE, "naive", "exec")
    monkeypatch.delenv("CDN_API_TOKEN", raising=False)
    with pytest.raises(KeyError):
        exec(code, {})
    monkeypatch.setenv("CDN_API_TOKEN", "old")
    module: dict[str, Any] = {}
    exec(code, module)
    monkeypatch.setenv("CDN_API_TOKEN", "new")
    assert module["session"].headers["Authorization"] == "Bearer old"


@pytest.mark.parametrize("name", MODULES)
def test_f7_importing_a_provider_asks_neither_the_environment_nor_the_settings(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = f"invalidation.providers.{name}"
    monkeypatch.setattr(providers, name, importlib.import_module(path))  # undone together with the next line
    monkeypatch.delitem(sys.modules, path)
    monkeypatch.setattr(conf, "settings", _refuse)
    monkeypatch.setattr("os.environ", {})
    importlib.import_module(path)


def _refuse() -> None:
    raise AssertionError("read on import")


def test_f7_a_provider_is_built_when_it_is_asked_for_from_the_settings_of_then(settings: Settings) -> None:
    for token in ("first" * 8, "second" * 8):
        settings.INVALIDATION = declared(token)
        assert provider("cdn", "").options["API_TOKEN"] == token
    settings.INVALIDATION = declared("")
    with pytest.raises(ImproperlyConfigured, match="API_TOKEN"):
        provider("cdn", "")


class Kept:
    """A CDN: it caches a page by its Cache-Control, and keeps the first tags of it up to its limit."""

    def __init__(self, response: HttpResponse) -> None:
        tags = response.headers.get("Cache-Tag", "").split(",")
        self.has_page = "s-maxage" in response.headers["Cache-Control"]
        self.tags = tags[:TAGS_PER_RESPONSE]

    def is_unpurgeable(self, tags: list[str]) -> bool:
        """Is there a page that one of its tags does not reach?"""
        return self.has_page and not set(tags) <= set(self.tags)


def _page(finish: Callable[[HttpResponse], None]) -> HttpResponse:
    response = HttpResponse(headers={"Cache-Control": "public, s-maxage=60"})
    finish(response)
    return response


@pytest.mark.django_db  # the blog publishes by the clock: what is shown knows its next instant
def test_f26_a_page_with_more_tags_than_are_kept_can_not_be_purged_where_ours_is_not_cached(settings: Settings) -> None:
    assert Kept(_page(lambda response: naive.send_tags(response, TAGS))).is_unpurgeable(TAGS)
    cdn = {"PROVIDER": "invalidation.providers.cloudfront.CloudFront", "OPTIONS": {"DISTRIBUTION_ID": "d"}}
    settings.INVALIDATION = {"TIERS": {"cdn": cdn}, "SITES": ["http://testserver"]}
    for count, is_cached in ((TAGS_PER_RESPONSE, True), (TAGS_PER_RESPONSE + 1, False)):
        request = RequestFactory().get("/")
        add_cache_tags(request, *TAGS[:count])
        ours = Kept(CacheTagMiddleware(lambda _: _page(lambda _: None))(request))
        assert ours.has_page is is_cached
        assert not ours.is_unpurgeable(TAGS[:count])

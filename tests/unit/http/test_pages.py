"""Whole pages in the application's cache: found again while nothing changed, and never by or from somebody known."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import messages
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.csrf import get_token
from django.template import engines
from django.template.response import TemplateResponse
from django.test import RequestFactory
from django.views.decorators.cache import cache_page

from invalidation.caching import tagged
from invalidation.http import add_cache_tags, cache_public_page, tags_of

Render = Callable[[HttpRequest], HttpResponse]


@pytest.fixture(autouse=True)
def _on_redis(shared_cache: None) -> None:
    """As on a site."""


def plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse("a page")


class Page:
    """A view that counts how often it renders."""

    def __init__(self, render: Render = plain) -> None:
        self.renders = 0
        self.rendered = render
        self.view = cache_public_page(60, tags="blog.post", vary=["Accept-Language"])(self.render)

    def render(self, request: HttpRequest) -> HttpResponse:
        self.renders += 1
        add_cache_tags(request, "blog.post:42")
        response = self.rendered(request)
        response.headers["X-Render"] = str(self.renders)
        return response

    def ask(self, path: str = "/", method: str = "GET", **headers: str) -> tuple[HttpRequest, HttpResponseBase]:
        """As a visitor, through the middleware of sessions and messages."""
        extra: dict[str, Any] = headers
        request = RequestFactory().generic(method, path, **extra)
        stack: Any = SessionMiddleware(MessageMiddleware(self.view))
        return request, stack(request)

    def times(self, path: str = "/", **headers: str) -> int:
        """How often it renders for two visits."""
        before = self.renders
        self.ask(path, **headers)
        self.ask(path, **headers)
        return self.renders - before


def test_a_page_is_rendered_once_and_carries_its_tags_ever_after() -> None:
    page = Page()
    assert page.times() == 1
    request, response = page.ask()
    assert (response.headers["X-Render"], response.getvalue()) == ("1", b"a page")
    assert tags_of(request) == {"blog.post:42"}


def test_the_textbook_s_stored_page_has_lost_its_tags() -> None:
    page = Page()
    page.view = cache_page(60, key_prefix="textbook")(page.render)
    page.ask()
    request, _ = page.ask()
    assert (page.renders, tags_of(request)) == (1, frozenset())


def test_an_invalidation_ends_the_page() -> None:
    page = Page()
    page.ask()
    tagged.invalidate("blog.post")
    assert page.ask()[1].headers["X-Render"] == "2"


def test_a_page_that_was_being_rendered_during_an_invalidation_is_not_kept() -> None:
    def interrupted(request: HttpRequest) -> HttpResponse:
        if page.renders == 1:
            tagged.invalidate("blog.post")
        return HttpResponse("older")

    page = Page(interrupted)
    assert page.times() == 2


def test_variants_and_addresses_are_pages_of_their_own() -> None:
    page = Page()
    for path, language in (("/", "de"), ("/", "en"), ("/blog/?page=2", "en")):
        assert page.times(path, HTTP_ACCEPT_LANGUAGE=language) == 1


@pytest.mark.parametrize("headers", [{"HTTP_AUTHORIZATION": "Bearer x"}, {"HTTP_COOKIE": "sessionid=x"}])
def test_somebody_known_always_gets_what_the_view_gives(headers: dict[str, str]) -> None:
    page = Page()
    page.ask()
    assert page.times(**headers) == 2
    assert page.ask()[1].headers["X-Render"] == "1"


def cookie(request: HttpRequest) -> HttpResponse:
    response = HttpResponse()
    response.set_cookie("seen", "1")
    return response


def session(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(request.session.get("basket")))


def message(request: HttpRequest) -> HttpResponse:
    messages.info(request, "for you alone")
    return HttpResponse()


def token(request: HttpRequest) -> HttpResponse:
    return HttpResponse(get_token(request))


def varied(request: HttpRequest) -> HttpResponse:
    return HttpResponse(headers={"Vary": "Cookie"})


def private(request: HttpRequest) -> HttpResponse:
    return HttpResponse(headers={"Cache-Control": "private"})


def failed(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=404)


@pytest.mark.parametrize("render", [cookie, session, message, token, varied, private, failed])
def test_what_is_not_for_everybody_is_not_stored(render: Render) -> None:
    assert Page(render).times() == 2


def test_an_answer_without_a_body_does_not_stand_for_the_page() -> None:
    page = Page()
    page.ask(method="HEAD")
    page.ask()
    assert page.renders == 2


def test_a_response_that_renders_later_is_stored_with_what_it_shows() -> None:
    def later(request: HttpRequest) -> HttpResponse:
        return TemplateResponse(request, engines["django"].from_string("late"))

    page = Page(later)
    first = page.ask()[1]
    assert isinstance(first, TemplateResponse)
    first.render()
    assert page.ask()[1].getvalue() == b"late"
    assert page.renders == 1


def test_an_async_view_is_the_same() -> None:
    renders: list[HttpRequest] = []

    @cache_public_page(60, tags="blog.post")
    async def view(request: HttpRequest) -> HttpResponse:
        renders.append(request)
        return HttpResponse("a page")

    for _ in range(2):
        asyncio.run(view(RequestFactory().get("/async")))
    assert len(renders) == 1

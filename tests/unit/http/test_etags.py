"""Conditional requests: 304 without a query while nothing changed, and never once something did."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.middleware.gzip import GZipMiddleware
from django.test import Client, RequestFactory
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from invalidation.caching import tagged
from invalidation.http import add_cache_tags, conditional, tags_of
from invalidation.models import Event
from project.blog.models import Author, Category, Post
from tests.fixtures.grouped import grouped
from tests.unit.http import naive


class Page:
    """A view that counts how often it renders."""

    def __init__(self) -> None:
        self.renders = 0
        self.view = conditional(tags="blog.post", vary=["Accept-Language"])(self.render)

    def render(self, request: HttpRequest) -> HttpResponse:
        self.renders += 1
        add_cache_tags(request, "blog.post:42")
        return HttpResponse(f"render {self.renders} " + "x" * 500)

    def get(self, path: str = "/", etag: str = "", **headers: str) -> HttpResponse:
        return self.view(self.request(path, etag, **headers))

    @staticmethod
    def request(path: str = "/", etag: str = "", **headers: str) -> HttpRequest:
        condition = {"HTTP_IF_NONE_MATCH": etag} if etag else {}
        extra: dict[str, Any] = {**condition, **headers}
        return RequestFactory().get(path, **extra)


@pytest.fixture
def page() -> Page:
    return Page()


def test_a_visitor_who_has_the_page_is_told_so_without_rendering(page: Page) -> None:
    etag = page.get()["ETag"]
    again = page.get(etag=etag)
    assert (again.status_code, again["ETag"], page.renders) == (304, etag, 1)
    assert page.get()["ETag"] == etag


def test_an_invalidated_tag_makes_another_page(page: Page) -> None:
    etag = page.get()["ETag"]
    tagged.invalidate("blog.post")
    again = page.get(etag=etag)
    assert again.status_code == 200
    assert again["ETag"] != etag


def test_an_invalidation_while_the_page_is_rendered_is_not_overlooked(page: Page) -> None:
    def render(request: HttpRequest) -> HttpResponse:
        tagged.invalidate("blog.post")  # by a writer whose change this rendering has not seen
        return HttpResponse("old")

    view = conditional(tags="blog.post")(render)
    etag = view(page.request())["ETag"]
    assert view(page.request(etag=etag)).status_code == 200


def test_a_304_carries_the_tags_that_the_page_was_rendered_with(page: Page) -> None:
    etag = page.get()["ETag"]
    request = page.request(etag=etag)
    assert page.view(request).status_code == 304
    assert tags_of(request) == {"blog.post:42"}


def test_variants_have_validators_of_their_own(page: Page, settings: Settings) -> None:
    english = page.get(HTTP_ACCEPT_LANGUAGE="en")
    assert page.get(etag=english["ETag"], HTTP_ACCEPT_LANGUAGE="de").status_code == 200
    assert page.get(etag=english["ETag"], HTTP_ACCEPT_LANGUAGE="en")["Vary"] == "Accept-Language"
    assert page.get("/?page=2", etag=english["ETag"], HTTP_ACCEPT_LANGUAGE="en").status_code == 200
    settings.INVALIDATION = grouped({**settings.INVALIDATION, "RELEASE": "2"})
    assert page.get(etag=english["ETag"], HTTP_ACCEPT_LANGUAGE="en").status_code == 200


def test_compression_on_the_way_does_not_break_the_validator(page: Page) -> None:
    compressed = GZipMiddleware(page.view).process_response(page.request(HTTP_ACCEPT_ENCODING="gzip"), page.get())
    assert compressed["Content-Encoding"] == "gzip"
    assert compressed["ETag"].startswith("W/")
    assert page.get(etag=compressed["ETag"]).status_code == 304
    assert page.get(etag=compressed["ETag"].removeprefix("W/")).status_code == 304


@pytest.mark.parametrize("headers", [{"HTTP_AUTHORIZATION": "Bearer x"}, {"HTTP_COOKIE": "sessionid=x"}])
def test_somebody_known_gets_no_validator_and_no_304(page: Page, headers: dict[str, str]) -> None:
    etag = page.get()["ETag"]
    response = page.get(etag=etag, **headers)
    assert response.status_code == 200
    assert not response.has_header("ETag")


def test_a_page_has_a_date_once_no_other_page_can_have_the_same(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    first = page.get()
    assert not first.has_header("Last-Modified")
    later = time.time() + 60
    monkeypatch.setattr(time, "time", lambda: later)
    date = page.get()["Last-Modified"]
    assert page.get(HTTP_IF_MODIFIED_SINCE=date).status_code == 304
    tagged.invalidate("blog.post")
    assert page.get(HTTP_IF_MODIFIED_SINCE=date).status_code == 200
    monkeypatch.setattr(time, "time", lambda: later + 60)
    assert page.get(HTTP_IF_MODIFIED_SINCE=date).status_code == 200


def test_what_is_not_a_page_has_no_validator(page: Page) -> None:
    @conditional(tags="a")
    def missing(_: HttpRequest) -> HttpResponse:
        return HttpResponse(status=404)

    assert not missing(page.request()).has_header("ETag")
    assert page.view(RequestFactory().post("/")).status_code == 200


def test_the_cache_s_loss_costs_a_rendering(page: Page) -> None:
    etag = page.get()["ETag"]
    cache.clear()
    assert page.get(etag=etag).status_code == 200


def test_an_async_view_is_the_same(page: Page) -> None:
    @conditional(tags=lambda request: ["a"])
    async def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse("x")

    etag = asyncio.run(view(page.request()))["ETag"]
    assert asyncio.run(view(page.request(etag=etag))).status_code == 304


@pytest.fixture
def posts(db: None) -> list[Post]:
    """Two posts; the first is the newest."""
    category = Category.objects.create(name="Travel", slug="travel")
    author = Author.objects.create(username="amara")
    shared = {"category": category, "author": author, "status": "published", "published_at": timezone.now()}
    return [Post.objects.create(title=slug, slug=slug, **shared) for slug in ("newest", "older")]


PATHS = ["/", "/blog/", "/blog/newest/", "/blog/category/travel/", "/api/posts/", "/api/posts/newest/", "/sitemap.xml"]


@pytest.mark.parametrize("path", PATHS)
def test_the_blog_answers_304_without_a_query(
    client: Client, posts: list[Post], shared_cache: None, path: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    etag = client.get(path)["ETag"]
    with django_assert_num_queries(0):
        assert client.get(path, HTTP_IF_NONE_MATCH=etag).status_code == 304


def deliver() -> None:
    """Purge the tags of every event."""
    for event in Event.objects.all():
        tagged.invalidate(event.targets.get("tags", []))


def test_f21_a_deletion_changes_the_validator_where_the_newest_timestamp_does_not(
    client: Client, posts: list[Post], shared_cache: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        before = naive.etag_by_newest(HttpRequest())
    etag = client.get("/blog/")["ETag"]
    oldest = min(posts, key=lambda post: post.updated_at)
    oldest.delete()
    deliver()
    assert naive.etag_by_newest(HttpRequest()) == before
    assert client.get("/blog/", HTTP_IF_NONE_MATCH=etag).status_code == 200

"""Values, fragments, validators and stored pages for which nobody names a tag: what they read gives it."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.template import Context, Template, TemplateSyntaxError, engines
from django.template.response import TemplateResponse
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

import invalidation
from invalidation.caching import TaggedCache, fresh_start, tagged
from invalidation.http import conditional
from invalidation.http.etags import View
from invalidation.http.pages import cache_public_page
from invalidation.http.tags import tags_of
from invalidation.middleware import CacheTagMiddleware
from tests.fixtures.grouped import grouped
from tests.fixtures.library.models import Book, Genre
from tests.unit.automatic.conftest import PUBLIC
from tests.unit.automatic.test_tags import raw_sql
from tests.unit.automatic.writes import filled

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _library(db: None) -> None:
    with invalidation.suspend(reason="fixture"):
        filled()


def titles() -> list[str]:
    return [book.title for book in Book.objects.filter(pk__in=[1, 2])]


def value(key: str = "titles") -> Any:
    with fresh_start():
        return tagged.get_or_set(key, titles, 60)


def test_a_value_is_stale_once_what_it_read_is_invalidated_and_not_before() -> None:
    first = value()
    Book.objects.update(title="new")
    tagged.invalidate("library.book:3")
    assert value() == first
    tagged.invalidate("library.book:2")
    assert value() == ["new", "new"]


def test_a_value_made_of_one_is_stale_with_it() -> None:
    def outer() -> Any:
        with fresh_start():
            return tagged.get_or_set("outer", lambda: ("made of", tagged.get_or_set("titles", titles, 60)), 60)

    first = outer()
    assert outer() == first
    Book.objects.update(title="new")
    tagged.invalidate("library.book:1")
    assert outer() == ("made of", ["new", "new"])


def test_a_fragment_is_stale_once_what_it_read_is_invalidated() -> None:
    template = Template('{% load invalidation %}{% taggedcache 60 "genres" %}{{ genres.count }}{% endtaggedcache %}')

    def rendered() -> str:
        with fresh_start():
            return template.render(Context({"genres": Genre.objects.all()}))

    first = rendered()
    with CaptureQueriesContext(connection) as queries:
        assert rendered() == first
    assert len(queries) == 0
    Genre.objects.all().delete()
    tagged.invalidate("library.genre")
    assert rendered() == "0"


def test_a_fragment_needs_tags_where_automatic_tags_are_off(settings: Settings) -> None:
    settings.INVALIDATION = grouped({**settings.INVALIDATION, "AUTOMATIC_TAGS": False})
    with pytest.raises(TemplateSyntaxError, match="tags=TAGS"):
        Template('{% load invalidation %}{% taggedcache 60 "genres" %}{% endtaggedcache %}')


class Site:
    """One view behind the middleware, and a visitor who asks again with what they were given."""

    def __init__(self, rf: RequestFactory, view: View) -> None:
        self.rf, self.view, self.etag = rf, CacheTagMiddleware(view), ""

    def ask(self) -> Any:
        with fresh_start():
            request = self.rf.get("/page/", headers={"if-none-match": self.etag} if self.etag else {})
            response = self.view(request)
        self.etag = response.headers.get("ETag", self.etag)
        response.tags = tags_of(request)
        return response


@pytest.mark.parametrize("late", [False, True])
def test_a_page_has_validators_from_what_it_read(rf: RequestFactory, late: bool) -> None:
    @conditional()
    def view(request: Any) -> Any:
        if late:
            template = engines["django"].from_string("{{ books.0.title }}")
            return TemplateResponse(request, template, {"books": Book.objects.filter(pk=1)})
        return HttpResponse(Book.objects.filter(pk=1)[0].title, headers=PUBLIC)

    site = Site(rf, view)
    if late:
        site.view = CacheTagMiddleware(lambda request: _rendered(view(request)))
    assert site.ask().status_code == 200
    assert site.etag
    with CaptureQueriesContext(connection) as queries:
        again = site.ask()
    assert (again.status_code, again.tags, len(queries)) == (304, {"library.book:1"}, 0)
    Book.objects.update(title="new")
    tagged.invalidate("library.book:2")
    assert site.ask().status_code == 304
    tagged.invalidate("library.book:1")
    after = site.ask()
    assert (after.status_code, after.content) == (200, b"new")


def _rendered(response: Any) -> Any:
    """As Django's handler does, inside the middleware."""
    if hasattr(response, "render"):
        response.render()
    for name, value in PUBLIC.items():
        response.headers[name] = value
    return response


def test_a_page_with_something_untagged_has_no_validators(rf: RequestFactory) -> None:
    site = Site(rf, conditional()(lambda _: HttpResponse(str(raw_sql()), headers=PUBLIC)))
    assert [site.ask().status_code for _ in range(2)] == [200, 200]
    assert not site.etag


def test_a_page_without_tags_has_no_validators_where_automatic_tags_are_off(
    rf: RequestFactory, settings: Settings
) -> None:
    settings.INVALIDATION = grouped({**settings.INVALIDATION, "AUTOMATIC_TAGS": False})
    site = Site(rf, conditional()(lambda _: HttpResponse("page", headers=PUBLIC)))
    assert [site.ask().status_code for _ in range(2)] == [200, 200]
    assert not site.etag


def test_a_stored_page_ends_once_what_it_read_is_invalidated(rf: RequestFactory) -> None:
    view = cache_public_page(60)(lambda _: HttpResponse(Book.objects.get(pk=1).title, headers=PUBLIC))
    site = Site(rf, view)
    first = site.ask().content
    Book.objects.update(title="new")
    tagged.invalidate("library.book")
    stored = site.ask()
    assert (stored.content, stored.tags) == (first, {"library.book:1"})
    tagged.invalidate("library.book:1")
    assert site.ask().content == b"new"


def test_a_value_without_named_tags_is_one_round_trip_once_a_process_has_met_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    value("met anew")
    trips: list[int] = []
    read = TaggedCache._read

    def counted(self: TaggedCache, keys: Any, tags: Any) -> Any:
        trips.append(len(keys))
        return read(self, keys, tags)

    monkeypatch.setattr(TaggedCache, "_read", counted)
    value("met anew")
    value("met anew")
    assert trips == [1, 0, 1]

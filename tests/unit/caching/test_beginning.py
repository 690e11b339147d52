"""Nothing is stored by a unit of work that began before the newest invalidation of one of a value's tags."""

from __future__ import annotations

import contextvars
import threading
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from celery import Celery
from celery.signals import task_prerun
from django.core.cache import caches
from django.core.handlers.asgi import ASGIHandler
from django.core.signals import request_started
from django.db.transaction import non_atomic_requests
from django.http import HttpRequest, HttpResponse
from django.template import Context, Template, engines
from django.template.response import SimpleTemplateResponse
from django.test import RequestFactory
from django.urls import path
from pytest_django import Settings

from invalidation.caching import ABSENT, TaggedCache, cache_queryset, fresh_start, tagged
from invalidation.freshness import unit_of_work
from invalidation.http.pages import cache_public_page
from project.blog.models import Author, Category, Post, Tag
from tests.fixtures.stores import EachApart

FRAGMENT = '{% load invalidation %}{% taggedcache 60 "x" tags="a" %}{{ row }}{% endtaggedcache %}'


def stored(key: str = "key") -> Any:
    """What the next reader finds."""
    return tagged.get(key, ABSENT, tags="a")


def test_a_row_loaded_before_an_invalidation_is_not_stored_under_the_new_version(tagged: TaggedCache) -> None:
    plain = TaggedCache(tagged.alias)
    with fresh_start():
        row = "old"
        tagged.invalidate("a")
        assert plain.get_or_set("key", lambda: row, tags="a") == "old"
    assert plain.get("key", ABSENT, tags="a") is ABSENT


def test_nor_when_the_version_was_replaced_and_read_by_others_meanwhile(tagged: TaggedCache) -> None:
    plain = TaggedCache(tagged.alias)
    with fresh_start():
        row = "old"
        tagged.invalidate("a")
        tagged.set("other", 1, tags="a")
        plain.get_or_set("key", lambda: row, tags="a")
    assert plain.get("key", ABSENT, tags="a") is ABSENT
    assert plain.get("other", tags="a") == 1


def test_nor_when_the_new_version_was_evicted(shared_cache: None) -> None:
    row = "old"
    tagged.invalidate("a")
    caches["default"].clear()
    tagged.get_or_set("key", lambda: row, tags="a")
    assert stored() is ABSENT


def test_nor_with_stamps_that_were_taken_after_the_row(shared_cache: None) -> None:
    row = "old"
    tagged.invalidate("a")
    assert not tagged.set("key", row, tags="a", stamps=tagged.stamps("a"))
    assert not tagged.set("key", row, tags="a")
    assert stored() is ABSENT


def test_the_next_unit_of_work_stores_again(shared_cache: None) -> None:
    tagged.invalidate("a")
    with fresh_start():
        tagged.get_or_set("key", lambda: "new", tags="a")
    assert stored() == "new"


def test_a_fragment_of_an_early_row_is_not_stored(shared_cache: None) -> None:
    row = "old"
    tagged.invalidate("a")
    assert Template(FRAGMENT).render(Context({"row": row})) == "old"
    with fresh_start():
        assert Template(FRAGMENT).render(Context({"row": "new"})) == "new"


def test_a_page_of_an_early_row_is_not_stored(shared_cache: None) -> None:
    @cache_public_page(60, tags="a")
    def page(request: Any) -> HttpResponse:
        return HttpResponse(request.row)

    request: Any = RequestFactory().get("/")
    request.row = "old"
    tagged.invalidate("a")
    assert page(request).content == b"old"
    with fresh_start():
        request.row = "new"
        assert page(request).content == b"new"


@pytest.mark.django_db
def test_a_query_reads_for_itself_and_is_stored_however_old_the_unit_is(shared_cache: None) -> None:
    tagged.invalidate("blog.tag")
    assert cache_queryset(Tag.objects.all(), key="tags") == []
    assert tagged.get("tags", ABSENT) == []


@pytest.mark.django_db
def test_a_query_of_a_relation_shows_its_own_object_which_was_read_before(shared_cache: None) -> None:
    author = Author.objects.create(username="old", first_name="old")
    category = Category.objects.create(name="c", slug="c")
    Post.objects.create(title="x", slug="x", category=category, author=author)
    tagged.invalidate("blog.author")
    rows = cache_queryset(author.posts.all(), key="rows")
    assert rows[0].author is author
    assert tagged.get("rows", ABSENT) is ABSENT


@pytest.mark.django_db
def test_a_web_request_is_a_unit_of_work(shared_cache: None) -> None:
    def request() -> None:
        before = unit_of_work.current()
        request_started.send(None)
        assert unit_of_work.current().at > before.at

    contextvars.copy_context().run(request)


def test_a_task_is_a_unit_of_work_unless_it_runs_within_another(shared_cache: None) -> None:
    app = Celery(set_as_current=False)

    @app.task
    def begun() -> unit_of_work.Beginning:
        return unit_of_work.current()

    def run() -> None:
        before = unit_of_work.current()
        assert begun.apply().get() is before
        task_prerun.send(sender=begun, task=begun)
        assert unit_of_work.current().at > before.at

    contextvars.copy_context().run(run)


def test_a_thread_begins_with_its_process(shared_cache: None) -> None:
    found: list[unit_of_work.Beginning] = []
    thread = threading.Thread(target=lambda: found.append(unit_of_work.current()))
    thread.start()
    thread.join()
    assert found == [unit_of_work._process]


found_under_asgi: list[unit_of_work.Beginning] = []


@non_atomic_requests
async def view(request: HttpRequest) -> HttpResponse:
    found_under_asgi.append(unit_of_work.current())
    return HttpResponse()


urlpatterns = [path("", view)]


@pytest.mark.django_db
def test_a_request_under_asgi_is_a_unit_of_work_without_any_middleware(settings: Settings) -> None:
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = []
    found_under_asgi.clear()

    async def visit() -> None:
        scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}
        visitor: Any = ApplicationCommunicator(ASGIHandler(), scope)  # type: ignore[no-untyped-call]
        await visitor.send_input({"type": "http.request", "body": b""})
        await visitor.receive_output()
        await visitor.wait()

    for _ in range(2):
        async_to_sync(visit)()
    first, second = found_under_asgi
    assert unit_of_work._process.at < first.at < second.at


@pytest.fixture(params=["same cache", "another cache"])
def inner(request: pytest.FixtureRequest, shared_cache: None, settings: Settings) -> TaggedCache:
    """Where the inner value lives."""
    settings.CACHES = settings.CACHES | {"second": settings.CACHES["default"] | {"KEY_PREFIX": "second"}}
    return EachApart("default" if request.param == "same cache" else "second")


def test_a_value_made_of_a_cached_value_ends_with_it_though_it_names_other_tags(inner: TaggedCache) -> None:
    inner.set("inner", 1, tags="b")
    outer = EachApart()
    assert outer.get_or_set("outer", lambda: inner.get("inner", tags="b"), tags="a") == 1
    assert outer.get("outer", tags="a") == 1
    inner.invalidate("b")
    assert outer.get("outer", ABSENT, tags="a") is ABSENT
    assert outer.get_or_set("outer", lambda: 2, tags="a") == 2


def test_a_value_made_of_one_that_was_computed_meanwhile_ends_with_it(shared_cache: None) -> None:
    outer = EachApart()
    for _ in range(2):
        found = outer.get_or_set("outer", lambda: tagged.get_or_set("inner", lambda: 1, tags="b"), tags="a")
        assert found == 1
    outer.invalidate("b")
    assert outer.get("outer", ABSENT, tags="a") is ABSENT


def test_a_value_made_of_two_versions_of_one_tag_is_not_stored(shared_cache: None) -> None:
    outer = EachApart()
    outer.set("inner", 1, tags="b")

    def compute() -> int:
        first = tagged.get("inner", tags="b")
        outer.invalidate("b")
        outer.set("inner", 2, tags="b")
        return int(first + tagged.get("inner", tags="b"))

    assert outer.get_or_set("outer", compute, tags="a") == 3
    assert outer.get("outer", ABSENT, tags="a") is ABSENT


def test_a_stored_page_ends_with_the_values_that_its_template_read_after_the_view(shared_cache: None) -> None:
    EachApart().set("inner", 1, tags="b")
    numbers = iter([1, 2])

    class Lazy:
        def __str__(self) -> str:
            return f"{tagged.get('inner', tags='b')} {next(numbers)}"

    @cache_public_page(60, tags="a")
    def page(request: HttpRequest) -> HttpResponse:
        return SimpleTemplateResponse(engines["django"].from_string("{{ lazy }}"), {"lazy": Lazy()})

    def visit() -> bytes:
        with fresh_start():
            response: Any = page(RequestFactory().get("/"))
            return bytes(response.render().content if hasattr(response, "render") else response.content)

    assert [visit(), visit()] == [b"1 1", b"1 1"]
    EachApart().invalidate("b")
    assert visit() == b"None 2"


def test_without_a_freshness_redis_a_value_is_stored_by_who_began_after_its_tags_versions(
    settings: Settings, shared_cache: None
) -> None:
    settings.INVALIDATION = settings.INVALIDATION | {"REDIS_URL": ""}
    counts = iter(range(9))

    def read() -> int:
        return tagged.get_or_set("key", lambda: next(counts), tags="a")

    with fresh_start():
        assert [read(), read()] == [0, 1]
    later = unit_of_work.Beginning(clock=unit_of_work.Beginning().clock + 3)
    unit_of_work._begun.set(later)
    assert [read(), read()] == [2, 2]

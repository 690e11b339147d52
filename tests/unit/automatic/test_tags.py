"""Which tags a page gets from what it reads: no wider than need be, bounded, and beside those written by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import caches
from django.core.management import call_command
from django.db import connection
from django.db.models import F
from django.db.models.expressions import RawSQL
from django.http import HttpResponse, StreamingHttpResponse
from django.template import Context, Template
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.views.decorators.cache import cache_page
from pytest_django import Settings
from structlog.testing import capture_logs

import invalidation
from invalidation.caching import cache_queryset, tagged
from invalidation.http import add_cache_tags, automatic, cacheable
from invalidation.http.pages import cache_public_page
from invalidation.http.tags import readings_of, tags_of, untagged_in
from invalidation.middleware import CacheTagMiddleware
from invalidation.testing import page_tags
from tests.fixtures.grouped import grouped
from tests.fixtures.library.kinds import Child, Member, Node, Owned, Owner, Plain, Token
from tests.fixtures.library.models import Book, Genre, Notice
from tests.unit.automatic.conftest import PUBLIC, Rendered
from tests.unit.automatic.writes import filled

Render = Callable[..., Rendered]

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _library(db: None) -> None:
    with invalidation.suspend(reason="fixture"):
        filled()


READS: dict[str, tuple[Callable[[], Any], set[str]]] = {
    "a key": (lambda: Book.objects.get(pk=2), {"library.book:2"}),
    "a key of no row": (lambda: Book.objects.filter(pk=77).first(), {"library.book:77"}),
    "whether a key is there": (lambda: Book.objects.filter(pk=3).exists(), {"library.book:3"}),
    "keys": (lambda: list(Book.objects.filter(pk__in=[1, 77])), {"library.book:1", "library.book:77"}),
    "a unique value": (lambda: Book.objects.get(slug="book-2", public=True), {"library.book:2"}),
    "a unique value that none has": (lambda: Book.objects.filter(slug="none").first(), {"library.book"}),
    "a unique value without its key": (
        lambda: list(Book.objects.filter(slug="book-2").values_list("title")),
        {"library.book"},
    ),
    "a foreign key followed": (lambda: Book.objects.get(pk=2).author, {"library.book:2", "library.author:3"}),
    "a foreign key joined": (
        lambda: Book.objects.select_related("author").get(pk=2),
        {"library.book:2", "library.author:3"},
    ),
    "a joined list": (
        lambda: list(Owned.objects.select_related("owner").filter(pk__lte=2)),
        {"library.owned", "library.owned:1", "library.owned:2", "library.owner:1", "library.owner:2"},
    ),
    "a slice in the order of a joined column": (
        lambda: list(Owned.objects.select_related("owner").order_by("owner__slug", "pk")[:1]),
        {"library.owned", "library.owned:2", "library.owner", "library.owner:1"},
    ),
    "a slice in the order of a name for a joined column": (
        lambda: list(Owned.objects.select_related("owner").annotate(by=F("owner__slug")).order_by("by", "pk")[:1]),
        {"library.owned", "library.owned:2", "library.owner", "library.owner:1"},
    ),
    "a many-to-many relation": (
        lambda: list(Book.objects.get(pk=1).genres.all()),
        {"library.book:1", "library.genre:1"},
    ),
    "a prefetched one": (
        lambda: list(Member.objects.filter(pk=2).prefetch_related("groups")),
        {"library.member:2", "library.group:1", "library.group:2"},
    ),
    "a part of one": (
        lambda: list(Book.objects.get(pk=1).genres.filter(slug="genre-1")),
        {"library.book:1", "library.genre", "library.genre:1"},
    ),
    "a count": (Book.objects.count, {"library.book"}),
    "a uuid": (
        lambda: Token.objects.get(slug="token-1"),
        {"library.token:00000000-0000-4000-8000-000000000001"},
    ),
    "a child by its key": (lambda: Child.objects.get(pk=1), {"library.child:1", "library.parent:1"}),
    "a statement in another": (
        lambda: list(Genre.objects.filter(books__in=Book.objects.filter(pk=1)).values_list("slug")),
        {"library.genre", "library.book"},
    ),
    "nothing": (lambda: list(Book.objects.none()), set()),
}


@pytest.mark.parametrize("name", READS)
def test_a_page_carries_no_wider_tags_than_it_needs(render: Render, name: str) -> None:
    read, tags = READS[name]
    request, response = render(read)
    assert tags_of(request) == tags
    assert untagged_in(request) == set()
    assert cacheable.shared_seconds(response) == 600


def test_tags_written_by_hand_are_added(rf: RequestFactory) -> None:
    def page(request: Any) -> HttpResponse:
        add_cache_tags(request, "by.hand")
        return HttpResponse(Book.objects.get(pk=1).title, headers={**PUBLIC, "Cache-Tag": "its.own"})

    request = rf.get("/")
    response = CacheTagMiddleware(page)(request)
    assert page_tags(response, request) >= {"by.hand", "library.book:1"}


def test_many_rows_become_the_tag_of_their_model(render: Render) -> None:
    Plain.objects.bulk_create(Plain(slug=f"many-{number}") for number in range(200))
    keys = list(Plain.objects.values_list("pk", flat=True))
    request, _ = render(lambda: list(Plain.objects.filter(pk__in=keys)))
    assert tags_of(request) == {"library.plain"}


def test_rows_whose_tags_do_not_fit_a_header_give_way_to_their_models(settings: Settings, render: Render) -> None:
    tier = {"PROVIDER": "invalidation.providers.bunny.Bunny", "OPTIONS": {"API_KEY": "key", "PULL_ZONE_ID": "1"}}
    settings.INVALIDATION = {**settings.INVALIDATION, "TIERS": {"bunny": tier}}
    Plain.objects.bulk_create(Plain(slug=f"long-{number}") for number in range(90))
    _, response = render(lambda: list(Plain.objects.filter(pk__in=range(1, 90))))
    assert response.headers["CDN-Tag"] == "library.plain"
    assert cacheable.shared_seconds(response) == 600


def test_nothing_is_collected_where_the_setting_is_off(settings: Settings, render: Render) -> None:
    settings.INVALIDATION = grouped({**settings.INVALIDATION, "AUTOMATIC_TAGS": False})
    request, _ = render(lambda: Book.objects.get(pk=1))
    assert readings_of(request) is None
    assert tags_of(request) == set()


def test_nothing_is_collected_for_somebody_known_and_a_page_that_all_may_keep_lives_shortly(render: Render) -> None:
    request, response = render(lambda: Book.objects.get(pk=1), cookie="sessionid=somebody")
    assert tags_of(request) == set()
    assert cacheable.shared_seconds(response) == 60


def raw_sql() -> Any:
    with connection.cursor() as cursor:
        cursor.execute("SELECT title FROM library_book")
        return cursor.fetchall()


def asked_at_the_clock() -> Any:
    return Notice.objects.filter(opens_at__lte=timezone.now()).count(), Genre.objects.filter(
        books__reviews__text__lt=str(timezone.now())
    ).exists()


def by_the_clock_of_the_database() -> Any:
    from django.db.models.functions import Now

    return list(Book.objects.annotate(now=Now()).values_list("now"))


def unregistered() -> Any:
    from django.contrib.sessions.models import Session

    return Session.objects.count()


@pytest.mark.parametrize(
    ("read", "named", "tags"),
    [
        (raw_sql, "raw SQL", {"library.book"}),
        (lambda: list(Book.objects.raw("SELECT * FROM library_book")), "raw SQL", {"library.book"}),
        (by_the_clock_of_the_database, "the clock", {"library.book"}),
        (asked_at_the_clock, "the clock", {"library.genre"}),
        (unregistered, "sessions.Session", set()),
        (
            lambda: list(Book.objects.annotate(n=RawSQL("1 + %s", [1])).values("n")),
            "raw SQL in a query",
            {"library.book"},
        ),
        (lambda: list(Book.objects.extra(where=["1 = 1"])), "raw SQL in a query", {"library.book"}),
    ],
)
def test_what_no_tag_stands_for_is_named_and_limits_the_lifetime(
    render: Render, read: Callable[[], Any], named: str, tags: set[str]
) -> None:
    with capture_logs() as lines:
        request, response = render(read)
        render(read)
    assert any(named in what for what in untagged_in(request))
    assert tags_of(request) >= tags
    assert cacheable.shared_seconds(response) == 60
    assert len([line for line in lines if line["event"] == "untagged_reads"]) <= 1


def test_the_clock_needs_no_name_where_rules_say_when_a_row_changes_by_itself(render: Render) -> None:
    request, _ = render(lambda: Notice.objects.filter(opens_at__lte=timezone.now()).count())
    assert untagged_in(request) == set()


def test_a_stream_is_named(rf: RequestFactory) -> None:
    request = rf.get("/")
    stream = StreamingHttpResponse((book.title for book in Book.objects.all()), headers=PUBLIC)
    response = CacheTagMiddleware(lambda _: stream)(request)
    assert cacheable.shared_seconds(response) == 60


def test_a_cached_queryset_gives_what_was_read_when_it_was_stored(render: Render) -> None:
    def read() -> Any:
        return [book.author for book in cache_queryset(Book.objects.filter(pk=2).select_related("author"))]

    tags = {"library.book:2", "library.author:3"}
    assert tags_of(render(read)[0]) == tags
    with CaptureQueriesContext(connection) as queries:
        assert tags_of(render(read)[0]) == tags
    assert len(queries) == 0


def test_a_cached_value_gives_its_own_tags_and_what_was_read_for_it(render: Render) -> None:
    def read() -> Any:
        return tagged.get_or_set("value", lambda: Book.objects.get(pk=1).title, 60, tags=["by.hand"])

    tags = {"library.book:1", "by.hand"}
    assert [tags_of(render(read)[0]) for _ in range(3)] == [tags] * 3


def test_a_value_that_was_stored_for_nobody_gives_the_tags_that_it_was_stored_with(render: Render) -> None:
    tagged.set("apart", 1, tags=["library.genre"])
    assert tags_of(render(lambda: tagged.get("apart"))[0]) == {"library.genre"}


def test_a_stored_page_carries_its_tags_and_what_has_none(rf: RequestFactory) -> None:
    @cache_public_page(60, tags=["library.book"])
    def view(request: Any) -> HttpResponse:
        return HttpResponse(f"{raw_sql()} {Node.objects.get(pk=1)}", headers=PUBLIC)

    for queries in (2, 0):
        request = rf.get("/stored/")
        with CaptureQueriesContext(connection) as captured:
            response = CacheTagMiddleware(view)(request)
        assert len(captured) == queries
        assert tags_of(request) == {"library.book", "library.node:1"}
        assert cacheable.shared_seconds(response) == 60


def test_a_page_does_not_fail_for_a_query_that_is_not_understood(
    render: Render, monkeypatch: pytest.MonkeyPatch
) -> None:
    from invalidation.tracking import statements

    def fails(*_: Any) -> Any:
        raise LookupError("no such shape")

    monkeypatch.setattr(statements, "shape_of", fails)
    request, response = render(Owner.objects.count)
    assert untagged_in(request) == {statements.NOT_UNDERSTOOD}
    assert cacheable.shared_seconds(response) == 60


def test_a_fragment_and_a_page_of_django_are_named(render: Render, rf: RequestFactory) -> None:
    template = Template("{% load cache %}{% cache 60 sidebar %}{{ genres.count }}{% endcache %}")
    request, response = render(lambda: template.render(Context({"genres": Genre.objects.all()})))
    assert untagged_in(request) == {"the fragment 'sidebar' of {% cache %}"}
    assert cacheable.shared_seconds(response) == 60

    view = CacheTagMiddleware(cache_page(600)(lambda _: HttpResponse(str(Genre.objects.count()))))
    fresh, stored = rf.get("/kept/"), rf.get("/kept/")
    assert [cacheable.shared_seconds(view(request)) for request in (fresh, stored)] == [600, 60]
    assert untagged_in(stored) == {automatic.DJANGO_PAGE}


def test_the_present_instant_counts_as_that_in_a_value_that_is_computed_later(render: Render) -> None:
    def read() -> Any:
        now = str(timezone.now())
        return tagged.get_or_set("late", lambda: Genre.objects.filter(books__reviews__text__lt=now).count(), 60)

    assert untagged_in(render(read)[0]) == {"the clock"}


def test_a_cache_in_the_database_is_no_raw_sql_and_a_table_with_a_like_name_is(
    settings: Settings, render: Render
) -> None:
    backend = {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "book"}
    settings.CACHES = settings.CACHES | {"kept": backend}
    call_command("createcachetable")
    request, _ = render(lambda: caches["kept"].get("key"))
    assert untagged_in(request) == set()
    assert any("library.Book" in what for what in untagged_in(render(raw_sql)[0]))

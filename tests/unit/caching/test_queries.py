"""Cached querysets: the right rows, for any query, as long as nothing that they read was invalidated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, models, transaction
from django.db.models import Count, Exists, F, OuterRef, Prefetch, Q, QuerySet, Subquery, Value
from django.db.models.functions import Upper
from pytest_django import DjangoAssertNumQueries

from invalidation.caching import cache_queryset
from invalidation.caching.querysets import fingerprint
from invalidation.caching.querysets.dependencies import models_read, tags_of
from invalidation.models import Event
from invalidation.providers.redis import Redis as CacheTier
from project.blog.models import Author, Category, Post, Tag

TIER = CacheTier("cache", "", {})


def deliver() -> None:
    """Purge every tag that was recorded, as the cache tier does."""
    for event in Event.objects.all():
        TIER.purge_tags(event.targets.get("tags", []))


@pytest.fixture(autouse=True)
def blog(db: None, shared_cache: None) -> Iterator[Post]:
    """One post with everything that belongs to it."""
    cache.clear()
    category = Category.objects.create(name="Travel", slug="travel")
    author = Author.objects.create(username="amara")
    post = Post.objects.create(title="Trains", slug="trains", category=category, author=author, status="published")
    post.tags.add(Tag.objects.create(name="Rail", slug="rail"))
    deliver()
    yield post
    cache.clear()


Shape = Callable[[QuerySet[Post]], Any]
SHAPES: dict[str, Shape] = {
    "instances": list,
    "values": lambda posts: list(posts.values("title", "category__name")),
    "values list": lambda posts: list(posts.values_list("title")),
    "flat": lambda posts: list(posts.values_list("title", flat=True)),
    "named": lambda posts: [row.title for row in posts.values_list("title", named=True)],
    "slice": lambda posts: list(posts[:1]),
    "item": lambda posts: posts[0],
    "first": lambda posts: posts.first(),
    "get": lambda posts: posts.get(slug="trains"),
    "count": lambda posts: posts.count(),
    "exists": lambda posts: posts.exists(),
    "only": lambda posts: [post.title for post in posts.only("title")],
    "joined": lambda posts: [
        (post.category.name, post.author.username) for post in posts.select_related("category", "author")
    ],
    "prefetched": lambda posts: [[tag.name for tag in post.tags.all()] for post in posts.prefetch_related("tags")],
    "annotated": lambda posts: [post.total for post in posts.annotate(total=Count("tags"))],
    "ordered": lambda posts: list(posts.order_by("category__name", "-pk")),
    "excluded": lambda posts: list(posts.exclude(Q(slug="other") | Q(title__in=["x", "y"]))),
    "union": lambda posts: list(posts.order_by().union(posts.filter(slug="trains").order_by())),
    "dates": lambda posts: list(posts.dates("published_at", "year")),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_second_read_gives_the_same_without_the_database(
    shape: Shape, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    plain = shape(Post.objects.all())
    assert shape(Post.objects.all().cached()) == plain
    with django_assert_num_queries(0):
        assert shape(Post.objects.all().cached()) == plain


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_every_result_follows_a_change(shape: Shape, blog: Post) -> None:
    shape(Post.objects.all().cached())
    blog.title = "Slow trains"
    blog.save()
    Post.objects.create(title="B", slug="b", category=blog.category, author=blog.author, status="published")
    deliver()
    assert shape(Post.objects.all().cached()) == shape(Post.objects.all())


def test_the_short_forms(blog: Post, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    def ask() -> list[Any]:
        return [
            list(Post.objects.cached_filter(status="published")),
            Post.objects.cached_get(slug="trains"),
            Post.objects.filter(status="draft").cached_count(),
            Post.objects.filter(status="draft").cached_exists(),
            cache_queryset(Post.objects.filter(tags__slug="rail"), 60),
        ]

    assert ask() == [[blog], blog, 0, False, [blog]]
    with django_assert_num_queries(0):
        assert ask() == [[blog], blog, 0, False, [blog]]


def test_that_there_is_no_such_row_is_cached_and_ends_when_there_is(
    blog: Post, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for queries in (1, 0):
        with django_assert_num_queries(queries), pytest.raises(Post.DoesNotExist):
            Post.objects.cached_get(slug="new")
    Post.objects.create(title="New", slug="new", category=blog.category, author=blog.author, status="published")
    deliver()
    assert Post.objects.cached_get(slug="new").title == "New"


def test_a_key_of_one_s_own_can_be_purged_by_name(blog: Post) -> None:
    assert cache_queryset(Post.objects.all(), 60, "all-posts") == [blog]
    assert cache.get("all-posts", version=1) is not None


def test_an_uncached_queryset_stays_uncached(blog: Post, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    Post.objects.cached_filter(slug="trains").get()
    with django_assert_num_queries(2):
        assert Post.objects.filter(slug="trains").get() == blog
        assert Post.objects.filter(slug="trains").exists()


def test_a_query_without_possible_rows_asks_nobody(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        assert list(Post.objects.none().cached()) == []
        assert Post.objects.filter(pk__in=[]).cached_count() == 0


def test_rows_that_are_read_to_be_locked_come_from_the_database(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    with transaction.atomic(), django_assert_num_queries(2):
        list(Post.objects.all().select_for_update().cached())
        list(Post.objects.all().select_for_update().cached())


READ: dict[str, tuple[Callable[[], QuerySet[Any]], set[str]]] = {
    "own": (Post.objects.all, {"blog.post"}),
    "joined": (lambda: Post.objects.select_related("category"), {"blog.post", "blog.category"}),
    "proxy": (Author.objects.all, {"blog.author"}),
    "ordered by": (lambda: Post.objects.order_by("category__name"), {"blog.post", "blog.category"}),
    "m2m": (lambda: Post.objects.filter(tags__slug="x"), {"blog.post", "blog.tag"}),
    "m2m table alone": (lambda: Post.objects.filter(tags=1), {"blog.post", "blog.tag"}),
    "subquery": (
        lambda: Category.objects.filter(pk__in=Post.objects.values("category")),
        {"blog.post", "blog.category"},
    ),
    "exists": (
        lambda: Category.objects.annotate(full=Exists(Post.objects.filter(category=OuterRef("pk")))),
        {"blog.post", "blog.category"},
    ),
    "annotation": (
        lambda: Tag.objects.annotate(newest=Subquery(Post.objects.filter(tags=OuterRef("pk")).values("title")[:1])),
        {"blog.post", "blog.tag"},
    ),
    "union": (
        lambda: (
            Post.objects.order_by()
            .values_list("slug")
            .union(Category.objects.order_by().values_list("slug"))
            .order_by()
        ),
        {"blog.post", "blog.category"},
    ),
    "prefetch": (lambda: Category.objects.prefetch_related("posts__tags"), {"blog.category", "blog.post", "blog.tag"}),
    "prefetch object": (
        lambda: Category.objects.prefetch_related(Prefetch("posts", Post.objects.select_related("author"))),
        {"blog.category", "blog.post", "blog.author"},
    ),
    "relation manager": (
        lambda: Category.objects.get(slug="travel").posts.order_by("pk"),
        {"blog.category", "blog.post"},
    ),
    "raw condition": (
        lambda: Post.objects.extra(where=["category_id IN (SELECT id FROM blog_category)"]),
        {"blog.post", "blog.category"},
    ),
}


@pytest.mark.parametrize(("query", "tags"), READ.values(), ids=READ)
def test_a_result_carries_the_tags_of_every_model_it_reads(query: Callable[[], QuerySet[Any]], tags: set[str]) -> None:
    queryset = query()
    sql, _ = fingerprint.statement(queryset)
    assert tags_of(models_read(queryset, sql), named=False) == tags


def test_a_query_that_nothing_would_invalidate_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"contenttypes.ContentType.*register"):
        cache_queryset(ContentType.objects.all())
    assert cache_queryset(ContentType.objects.all(), tags=["site.types"])


def keys_of(*queries: QuerySet[Any]) -> set[str]:
    return {fingerprint.key_of(query, "list", *fingerprint.statement(query)) for query in queries}


def test_queries_that_differ_in_anything_have_keys_of_their_own() -> None:
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    queries: list[QuerySet[Any]] = [
        Post.objects.filter(title="1"),
        Post.objects.filter(title="2"),
        Post.objects.filter(title="1' OR '1'='1"),
        Post.objects.filter(pk=1),
        Post.objects.filter(published_at=moment),
        Post.objects.filter(published_at__date=moment),
        Post.objects.filter(title="1").values("title"),
        Post.objects.filter(title="1").values_list("title"),
        Post.objects.filter(title="1").values_list("title", flat=True),
        Post.objects.filter(title="1").prefetch_related("tags"),
        Post.objects.filter(title="1").prefetch_related(Prefetch("tags", Tag.objects.filter(slug="a"))),
        Post.objects.filter(title="1").prefetch_related(Prefetch("tags", Tag.objects.filter(slug="b"))),
        Post.objects.filter(title="1").prefetch_related(Prefetch("tags", to_attr="found")),
        Post.objects.filter(title="1").annotate(one=Value(1, models.IntegerField())),
        Post.objects.filter(title="1").annotate(one=Value(1, models.FloatField())),
        Post.objects.filter(title="1")[:5],
        Post.objects.filter(title="1").order_by("pk"),
        Author.objects.filter(username="1"),
        User.objects.filter(username="1"),
    ]
    assert len(keys_of(*queries)) == len(queries)


def test_the_same_query_has_the_same_key_whenever_it_is_built() -> None:
    def query() -> QuerySet[Any]:
        conditions = {"published_at__gt": datetime(2026, 1, 2, tzinfo=UTC), "title__in": ["a", "b"]}
        posts: QuerySet[Any] = Post.objects.filter(**conditions)
        found: QuerySet[Any] = posts.annotate(upper=Upper("title")).exclude(view_count__gt=F("pk"))
        return found

    assert len(keys_of(query(), query())) == 1


def test_a_key_names_its_database() -> None:
    here, there = Post.objects.all(), Post.objects.all()
    there._db = "replica"
    sql, params = fingerprint.statement(here)
    assert fingerprint.key_of(here, "list", sql, params) != fingerprint.key_of(there, "list", sql, params)


def test_long_parameters_are_spelled_in_full() -> None:
    class Wrapped:
        """As psycopg's Json, whose representation is cut short."""

        def __init__(self, obj: object) -> None:
            self.obj = obj

        def __repr__(self) -> str:
            return "Wrapped(…)"

    assert fingerprint.spelled(Wrapped({"a": 1})) != fingerprint.spelled(Wrapped({"a": 2}))
    assert fingerprint.spelled(1) != fingerprint.spelled("1")
    assert fingerprint.spelled(["a", "b"]) != fingerprint.spelled(["a, b"])


def test_inside_a_transaction_that_has_written_the_database_answers(
    blog: Post, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    assert Post.objects.cached_count() == 1
    with transaction.atomic():
        with django_assert_num_queries(0):
            assert Post.objects.cached_count() == 1
        Post.objects.create(title="B", slug="b", category=blog.category, author=blog.author, status="published")
        assert Post.objects.cached_count() == 2
        transaction.set_rollback(True)
    with django_assert_num_queries(0):
        assert Post.objects.cached_count() == 1


def test_inside_a_transaction_on_a_snapshot_nothing_is_stored(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    options = connection.settings_dict["OPTIONS"]
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", options | {"transaction_mode": "DEFERRED"})
    with transaction.atomic():
        assert Post.objects.cached_count() == 1
    with django_assert_num_queries(1):
        assert Post.objects.cached_count() == 1
    with transaction.atomic(), django_assert_num_queries(0):
        assert Post.objects.cached_count() == 1


def test_bulk_writes_through_the_manager_make_results_stale(blog: Post) -> None:
    assert [post.title for post in Post.objects.cached_filter(slug="trains")] == ["Trains"]
    Post.objects.filter(pk=blog.pk).update(title="Updated")
    deliver()
    assert [post.title for post in Post.objects.cached_filter(slug="trains")] == ["Updated"]


def test_a_cached_row_can_be_edited_and_saved(blog: Post) -> None:
    Post.objects.cached_get(slug="trains")
    post = Post.objects.cached_get(slug="trains")
    post.slug = "renamed"
    post.save()
    assert {"/blog/trains/", "/blog/renamed/"} <= set(Event.objects.latest("pk").targets["urls"])


def test_the_async_forms(blog: Post) -> None:
    async def scenario() -> list[Any]:
        rows = [post async for post in Post.objects.cached_filter(slug="trains")]
        post = await Post.objects.acached_get(slug="trains")
        return [rows, post, await Post.objects.all().acached_count(), await Post.objects.all().acached_exists()]

    assert async_to_sync(scenario)() == [[blog], blog, 1, True]

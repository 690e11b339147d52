"""The query cache beside its textbook versions: where they are wrong, and that ours is right (F17)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.sessions.backends.db import SessionStore
from django.core.cache import cache
from django.db.models import F
from django.db.models.functions import Lower
from django_redis import get_redis_connection
from pytest_django import DjangoAssertNumQueries, Settings

from deploy.local import Redis
from invalidation.caching import tagged
from invalidation.caching.querysets import fingerprint
from invalidation.models import Event
from project.blog.models import Author, Category, Post
from tests.unit.caching import naive

Lookups = dict[str, Any]


@pytest.fixture(autouse=True)
def posts(db: None) -> list[Post]:
    """Two, by two authors of one name."""
    category = Category.objects.create(name="Travel", slug="travel")
    found = []
    for slug in ("trains", "boats"):
        author = Author.objects.create(username=slug, first_name="Amara", last_name="Okafor")
        found.append(Post.objects.create(title=slug, slug=slug, category=category, author=author, status="published"))
    cache.clear()
    return found


LOOKUPS: dict[str, Callable[[], Lookups]] = {
    "date": lambda: {"published_at__date__gt": date(2026, 1, 2)},
    "moment": lambda: {"published_at__gt": datetime(2026, 1, 2, tzinfo=UTC)},
    "decimal": lambda: {"view_count__lt": Decimal(2)},
    "UUID": lambda: {"slug__lt": UUID(int=2**128 - 1)},
    "set": lambda: {"slug__in": {"trains", "boats"}},
    "row": lambda: {"author": Author.objects.get(username="trains")},
    "expression": lambda: {"title": Lower("slug")},
    "query": lambda: {"category__in": Category.objects.filter(slug="travel")},
}


@pytest.mark.parametrize("build", LOOKUPS.values(), ids=LOOKUPS)
def test_f17_lookups_that_are_no_json_are_cached_where_the_naive_key_raises(
    build: Callable[[], Lookups], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    lookups = build()
    with pytest.raises(TypeError, match="not JSON serializable"):
        naive.key_of_lookups(lookups)
    expected = list(Post.objects.filter(**lookups))
    assert expected
    assert list(Post.objects.cached_filter(**lookups)) == expected
    with django_assert_num_queries(0):
        assert list(Post.objects.cached_filter(**lookups)) == expected


CONFUSED: dict[str, Callable[[], tuple[Lookups, Lookups]]] = {
    "two rows of one name": lambda: (
        {"author": Author.objects.get(username="trains")},
        {"author": Author.objects.get(username="boats")},
    ),
    "an expression and its text": lambda: ({"title": F("slug")}, {"title": "F(slug)"}),
    "a set and its text": lambda: ({"title__in": {"trains"}}, {"title__in": "{'trains'}"}),
}


@pytest.mark.parametrize("build", CONFUSED.values(), ids=CONFUSED)
def test_f17_lookups_of_the_same_text_have_answers_of_their_own_where_the_naive_keys_are_one(
    build: Callable[[], tuple[Lookups, Lookups]],
) -> None:
    both = build()
    assert len({naive.key_of_lookups(lookups, default=str) for lookups in both}) == 1
    expected = [list(Post.objects.filter(**lookups)) for lookups in both]
    assert expected[0] != expected[1]
    assert [list(Post.objects.cached_filter(**lookups)) for lookups in both] == expected


def test_f17_that_there_is_no_such_row_is_kept_where_the_naive_cache_asks_again(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_num_queries(2):
        assert [naive.get(slug="none"), naive.get(slug="none")] == [None, None]
    with django_assert_num_queries(1):
        for _ in range(2):
            with pytest.raises(Post.DoesNotExist):
                Post.objects.cached_get(slug="none")


def test_f17_values_stored_at_once_all_end_with_their_tag_where_the_naive_set_forgets_one(shared_cache: None) -> None:
    naive.store("one", "old", "tag", meanwhile=lambda: naive.store("other", "old", "tag"))
    naive.invalidate("tag")
    assert cache.get_many(["one", "other"]) == {"other": "old"}
    cache.clear()
    tagged.get_or_set("one", lambda: tagged.get_or_set("other", lambda: "old", tags="tag"), tags="tag")
    assert tagged.get_many(["one", "other"]) == {"one": "old", "other": "old"}
    tagged.invalidate("tag")
    assert tagged.get_many(["one", "other"]) == {}


@pytest.fixture
def on_redis(settings: Settings, redis_server: Redis) -> Any:
    """The client of an empty Redis behind the default cache."""
    settings.CACHES = {"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": redis_server.url(12)}}
    cache.clear()
    return get_redis_connection("default")


def write_what_no_page_shows() -> None:
    """A session and a line in the log of the admin."""
    session = SessionStore()
    session["seen"] = True
    session.save()
    LogEntry.objects.create(user_id=Author.objects.values_list("pk", flat=True)[0], action_flag=CHANGE)


def commands(server: Any) -> int:
    """Commands that the server has handled, this one included."""
    return int(server.info("stats")["total_commands_processed"])


def test_f17_models_that_no_page_shows_cost_the_cache_nothing_where_a_naive_receiver_writes_for_each(
    on_redis: Any,
) -> None:
    with naive.receiver_of_every_model():
        write_what_no_page_shows()
    written = ["version-of-sessions.Session", "version-of-admin.LogEntry"]
    assert set(cache.get_many(written)) == set(written)
    commands_before, events_before = commands(on_redis), Event.objects.count()
    write_what_no_page_shows()
    assert (commands(on_redis) - commands_before, Event.objects.count()) == (1, events_before)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda: Post.objects.values("title"), lambda: Post.objects.values_list("title")),
        (Post.objects.all, lambda: Post.objects.prefetch_related("tags")),
        (lambda: Post.objects.filter(title__in=["a, b"]), lambda: Post.objects.filter(title__in=["a", "b"])),
        (Post.objects.all, lambda: Post.objects.using("other")),
    ],
    ids=["kind of row", "prefetch", "unquoted parameters", "alias"],
)
def test_f17_queries_that_the_naive_key_confuses_have_keys_of_their_own(
    one: Callable[[], Any], other: Callable[[], Any]
) -> None:
    queries = [one(), other()]
    assert len({naive.key_of_query(query) for query in queries}) == 1
    assert len({fingerprint.key_of(query, "list", *fingerprint.statement(query)) for query in queries}) == 2

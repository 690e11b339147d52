"""The stale-set race: a reader computes the old value, a writer commits and invalidates, the reader stores."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from django.template import Context, Template
from pytest_django import Settings

from invalidation.caching import store, tagged
from invalidation.providers.redis import Redis as CacheTier
from project.blog.models import Author, Category, Post
from tests.benchmarks import subjects

ROUNDS = 1000
OURS = ["tagged", "CachedManager", "taggedcache"]


class Row:
    """A value in a database, changed and invalidated while a reader is on its way to the cache with the old one."""

    def __init__(self) -> None:
        self.value = "old"
        self.is_raced = True

    def read(self) -> str:
        found = self.value
        if self.is_raced:
            self.is_raced = False
            self.value = "new"
            CacheTier("cache", "", {}).purge_tags(["a"])
            cache.delete("naive")
        return found


def naive(row: Row) -> Any:
    """The textbook's order: look, compute, store."""
    value = cache.get("naive")
    if value is None:
        value = row.read()
        cache.set("naive", value)
    return value


def test_f17_a_value_computed_before_an_invalidation_is_not_used_after_it_where_the_naive_cache_keeps_it() -> None:
    cache.clear()
    row = Row()
    assert [naive(row), naive(row)] == ["old", "old"]
    row = Row()
    assert [tagged.get_or_set("key", row.read, tags="a") for _ in range(2)] == ["old", "new"]


def test_a_fragment_rendered_before_an_invalidation_is_not_used_after_it() -> None:
    cache.clear()
    row = Row()
    source = '{% load invalidation %}{% taggedcache 60 "x" tags="a" %}{{ row.read }}{% endtaggedcache %}'
    assert [Template(source).render(Context({"row": row})) for _ in range(2)] == ["old", "new"]


@pytest.fixture
def one_row(db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CACHES = subjects.CACHES
    monkeypatch.setattr(store, "PATIENCE_SECONDS", 0)
    category = Category.objects.create(name="c", slug="c")
    Post.objects.create(title="x", slug="x", category=category, author=Author.objects.create(username="a"))


@pytest.mark.parametrize("name", OURS)
def test_no_order_of_the_steps_leaves_a_stale_value(one_row: None, name: str) -> None:
    assert subjects.run(name, ROUNDS) == 0


def test_the_orders_include_those_that_the_textbook_cache_gets_wrong(one_row: None) -> None:
    assert subjects.run("textbook", ROUNDS) > ROUNDS / 100

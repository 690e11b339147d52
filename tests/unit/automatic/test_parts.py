"""Lists of one value, where rules name the column: they have a tag of their own, which a write emits old and new."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Q
from django.utils import timezone

import invalidation
from invalidation.emission.rules import part_tag
from invalidation.http.tags import tags_of
from invalidation.testing import recorded
from project.blog.models import Author, Category, Post
from tests.unit.automatic.conftest import Rendered

Render = Callable[..., Rendered]

pytestmark = pytest.mark.django_db


@pytest.fixture
def posts() -> list[Post]:
    """One in each of two categories."""
    with invalidation.suspend(reason="fixture"):
        author = Author.objects.create(username="amara")
        made = []
        for name in ("travel", "food"):
            category = Category.objects.create(name=name, slug=name)
            shared = {"category": category, "author": author, "status": "published", "published_at": timezone.now()}
            made.append(Post.objects.create(title=name, slug=name, **shared))
        return made


def part(post: Post) -> str:
    return f"blog.post.category_id:{post.category_id}"


@pytest.mark.parametrize(
    "read",
    [
        lambda first: list(Post.objects.filter(category=first.category)),
        lambda first: list(Post.objects.filter(category_id=first.category_id, title="none")),
        lambda first: Post.objects.filter(category=first.category).count(),
        lambda first: list(first.category.posts.order_by("title")[:1]),
    ],
)
def test_a_list_of_one_value_has_a_tag_of_its_own(render: Render, posts: list[Post], read: Any) -> None:
    first, _ = posts
    assert first.category.pk
    tags = tags_of(render(lambda: read(first))[0])
    assert part(first) in tags
    assert "blog.post" not in tags


def test_lists_of_several_values_have_the_tag_of_each(render: Render, posts: list[Post]) -> None:
    request, _ = render(lambda: list(Category.objects.prefetch_related("posts")))
    assert tags_of(request) >= {part(post) for post in posts}
    assert "blog.post" not in tags_of(request)


def test_a_list_of_one_value_or_something_else_has_the_tag_of_the_model(render: Render, posts: list[Post]) -> None:
    first, _ = posts
    request, _ = render(lambda: list(Post.objects.filter(Q(category=first.category) | Q(title="food"))))
    assert "blog.post" in tags_of(request)


def test_a_moved_row_reaches_the_list_that_it_leaves_and_the_one_that_it_enters(posts: list[Post]) -> None:
    first, second = posts
    left, entered = part(first), part(second)
    with recorded() as events:
        first.category = second.category
        first.save()
    assert {left, entered} <= events.tags
    with recorded() as events:
        Post.objects.filter(pk=second.pk).update(category=Category.objects.get(slug="travel"))
    assert {left, entered} <= events.tags


def test_a_moved_row_reaches_both_though_nobody_tracks_the_column(posts: list[Post]) -> None:
    class Untracked(invalidation.Rules):
        track = ["slug"]
        lists_by = ["category"]

    from invalidation.emission import registry

    rules = registry.registered()[Post]
    invalidation.register(Post, rules=Untracked)
    try:
        first, second = posts
        left, entered = part(first), part(second)
        with recorded() as events:
            first.category = second.category
            first.save()
        assert {left, entered} <= events.tags
    finally:
        invalidation.register(Post, rules=type(rules))


def test_a_column_that_is_none_is_refused() -> None:
    class Misspelt(invalidation.Rules):
        lists_by = ["categorie"]

    with pytest.raises(ImproperlyConfigured, match="categorie"):
        Misspelt(Post)


def test_a_value_outside_the_alphabet_is_replaced_by_a_digest() -> None:
    assert part_tag(Post, "slug", "É").startswith("blog.post.slug:h-")

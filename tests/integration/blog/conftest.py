"""A small blog: one published post with everything around it, and one draft."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

import invalidation
from project.blog.models import Author, Category, Post, Tag


@dataclass(frozen=True, slots=True)
class Blog:
    """What the tests look for."""

    published: Post
    draft: Post
    category: Category
    tag: Tag
    author: Author


@pytest.fixture(autouse=True)
def _empty_cache(shared_cache: None) -> None:
    """On a Redis."""


@pytest.fixture
def blog(db: None) -> Blog:
    """A category, a tag, an author, a published post and a draft, without a word to the caches."""
    with invalidation.suspend(reason="fixture"):
        return written()


def written() -> Blog:
    """Store the blog."""
    category = Category.objects.create(name="Travel", slug="travel")
    tag = Tag.objects.create(name="Trains", slug="trains")
    author = Author.objects.create(username="amara", first_name="Amara", last_name="Okafor")
    shared = {"body": "Windows, mostly.\n\nAnd tea.", "category": category, "author": author}
    published = Post.objects.create(title="Night trains", slug="night-trains", status=Post.Status.PUBLISHED, **shared)
    draft = Post.objects.create(title="Secret plans", slug="secret-plans", status=Post.Status.DRAFT, **shared)
    tag.posts.add(published, draft)
    return Blog(published, draft, category, tag, author)

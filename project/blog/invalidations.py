"""What a change to the blog makes stale; discovered by the app."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.urls import reverse

import invalidation
from project.blog.models import Author, Category, Post, Tag
from project.blog.queries import summary_key


@invalidation.register(Post)
class PostRules(invalidation.Rules):
    """A published post: its page, its summary, and the pages that list it.

    Pages are tagged by what they read: `blog.post:<pk>` where they show the post, `blog.post` where they list posts, or
    that of one category or author. The URLs name the pages without a query string again, for tiers that know no tags.
    """

    track = ["slug", "category_id", "author_id", "status", "published_at", "expires_at"]
    ignore = ["view_count"]
    lists_by = ["category_id", "author_id"]
    related = ["author", "category"]  # whose addresses `urls` gives; a renamed one is stale by its own rules and tags

    def when(self, post: Post) -> bool:
        """A draft is on no page; publishing and unpublishing have the published state on one side."""
        return post.is_published

    def changes_at(self, post: Post) -> list[datetime | None]:
        """A post appears and disappears by itself."""
        return [post.published_at, post.expires_at] if post.status == Post.Status.PUBLISHED else []

    def urls(self, post: Post) -> list[str]:
        """Beside the post's own page: its API document and the first page of every list it may be in."""
        return [
            reverse("blog:api-post", args=[post.slug]),
            reverse("blog:home"),
            reverse("blog:posts"),
            reverse("blog:api-posts"),
            reverse("blog:sitemap"),
            post.author.get_absolute_url(),
            post.category.get_absolute_url(),
        ]

    def keys(self, post: Post) -> list[str]:
        """The summary that the page and the API share: its tag makes it stale, its key frees the memory at once."""
        return [summary_key(post)]


@invalidation.register(Category)
class CategoryRules(invalidation.Rules):
    """A category: named on its posts and in the sidebar of every page, which carry its tags."""

    track = ["slug"]


@invalidation.register(Tag)
class TagRules(invalidation.Rules):
    """A tag: named on its posts and in the sidebar of every page, which carry its tags."""

    track = ["slug"]


@invalidation.register(Author)
class AuthorRules(invalidation.Rules):
    """An author: named on their posts, which carry the tag `blog.author:<pk>`."""

    track = ["username"]
    ignore = ["last_login", "password", "email", "is_staff", "is_superuser", "groups", "user_permissions"]

    def urls(self, author: User) -> list[str]:
        """Their list of posts, also where the row was written as a plain user, which has no address of its own."""
        return [reverse("blog:author", args=[author.username])]

"""What search engines are told to visit."""

from __future__ import annotations

from datetime import datetime

from django.contrib.sitemaps import Sitemap
from django.db.models import QuerySet
from django.urls import reverse

from project.blog.models import Category, Post


class PostSitemap(Sitemap):  # type: ignore[type-arg]  # generic in the stubs alone
    """Every published post."""

    changefreq = "weekly"

    def items(self) -> QuerySet[Post]:
        """Newest first, without their bodies."""
        posts: QuerySet[Post] = Post.objects.filter(Post.public())
        return posts.only("slug", "updated_at", "status")

    def lastmod(self, item: Post) -> datetime:
        """When an editor last saved the post; a view does not count."""
        return item.updated_at


class CategorySitemap(Sitemap):  # type: ignore[type-arg]  # generic in the stubs alone
    """Every category."""

    def items(self) -> QuerySet[Category]:
        """By name."""
        categories: QuerySet[Category] = Category.objects.all()
        return categories


class PageSitemap(Sitemap):  # type: ignore[type-arg]  # generic in the stubs alone
    """Pages that belong to no object."""

    def items(self) -> list[str]:
        """Their route names."""
        return ["blog:home", "blog:posts", "blog:about"]

    def location(self, item: str) -> str:
        """The page's path."""
        return reverse(item)


SITEMAPS = {"pages": PageSitemap, "categories": CategorySitemap, "posts": PostSitemap}

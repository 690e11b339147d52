"""The blog's rules, for the articles."""

from __future__ import annotations

import invalidation
from tests.benchmarks.press.models import Article


@invalidation.register(Article)
class ArticleRules(invalidation.Rules):
    """A published article: its page and the pages that list it."""

    track = ["slug", "section_id", "author_id", "status"]
    ignore = ["view_count"]
    related = ["author", "section"]

    def when(self, article: Article) -> bool:
        """Is it published?"""
        return article.status == "published"

    def urls(self, article: Article) -> list[str]:
        """As many as the blog's."""
        lists = ["/", "/press/", "/api/press/", "/sitemap.xml"]
        named = [article.author.get_absolute_url(), article.section.get_absolute_url()]
        return [f"/api/press/{article.slug}/", *lists, *named]

    def keys(self, article: Article) -> list[str]:
        """A cached summary."""
        return [f"summary:{article.slug}"]

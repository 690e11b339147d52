"""What the pages read: published posts with what is shown beside them, and a post's cached summary."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from django.db.models import F

import invalidation
from invalidation.caching import CachedQuerySet, tagged
from project.blog.models import Post

WORDS_PER_MINUTE = 220


@dataclass(frozen=True, slots=True)
class Summary:
    """The part of a post that is kept in the Redis cache."""

    title: str
    excerpt: str
    reading_minutes: int


def published() -> CachedQuerySet[Post]:
    """Posts that the public sees, newest first, with everything that a list shows of them."""
    posts: CachedQuerySet[Post] = Post.objects.filter(Post.public())
    return posts.select_related("category", "author").prefetch_related("tags")


def summary_key(post: Post) -> str:
    """Key of the post's summary in the default cache."""
    return f"blog:post:{post.pk}:summary"


def summary(post: Post) -> Summary:
    """The post's summary, from the cache where it is there.

    It is made of what was read before it is computed, which automatic tags can't see: hence the one tag by hand.
    """

    def made() -> dict[str, Any]:
        minutes = max(1, round(len(post.body.split()) / WORDS_PER_MINUTE))
        return asdict(Summary(post.title, post.excerpt, minutes))

    return Summary(**tagged.get_or_set(summary_key(post), made, tags=[invalidation.object_tag(Post, post.pk)]))


def count_view(post: Post) -> None:
    """Count one render at the origin; `view_count` is no public field, so nothing is invalidated."""
    Post.objects.filter(pk=post.pk).update(view_count=F("view_count") + 1)

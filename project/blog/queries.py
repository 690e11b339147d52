"""What the pages read: published posts with what is shown beside them, and a post's cached summary."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from django.db.models import F, Model

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
    """The post's summary, from the cache where it is there."""

    def made() -> dict[str, Any]:
        minutes = max(1, round(len(post.body.split()) / WORDS_PER_MINUTE))
        return asdict(Summary(post.title, post.excerpt, minutes))

    return Summary(**tagged.get_or_set(summary_key(post), made, tags=[tag_of(post)]))


def count_view(post: Post) -> None:
    """Count one render at the origin; `view_count` is no public field, so nothing is invalidated."""
    Post.objects.filter(pk=post.pk).update(view_count=F("view_count") + 1)


def tag_of(shown: Model) -> str:
    """The cache tag of one object, such as `blog.post:42`."""
    return invalidation.object_tag(type(shown), shown.pk)


def tags_of(post: Post) -> set[str]:
    """Cache tags of everything that a page shows of the post."""
    return {tag_of(shown) for shown in (post, post.category, post.author, *post.tags.all())}


def tags_of_list(posts: Iterable[Post]) -> set[str]:
    """Cache tags of a list: the model's own, because any post may enter the list, and those of the posts shown."""
    return {"blog.post"}.union(*map(tags_of, posts))

"""The blog's JSON interface: the list and the single post, for other programs to read."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from project.blog.models import Post
from project.blog.public import public_page
from project.blog.queries import published, summary
from project.blog.views import page_of

POSTS_PER_PAGE = 20


def entry(post: Post) -> dict[str, Any]:
    """A post as the list gives it."""
    return {
        "title": post.title,
        "slug": post.slug,
        "excerpt": post.excerpt,
        "url": post.get_absolute_url(),
        "category": post.category.slug,
        "tags": [tag.slug for tag in post.tags.all()],
        "author": post.author.username,
        "published_at": post.published_at.isoformat(),
        "updated_at": post.updated_at.isoformat(),
    }


def link(number: int | None) -> str | None:
    """Path of another page of the list."""
    return f"{reverse('blog:api-posts')}?page={number}" if number else None


@public_page
def posts(request: HttpRequest) -> JsonResponse:
    """Published posts, newest first, twenty a page."""
    page = page_of(request, published().cached(), POSTS_PER_PAGE)
    return JsonResponse(
        {
            "count": page.paginator.count,
            "next": link(page.next_page_number() if page.has_next() else None),
            "previous": link(page.previous_page_number() if page.has_previous() else None),
            "results": [entry(post) for post in page],
        }
    )


@public_page
def post(request: HttpRequest, slug: str) -> JsonResponse:
    """One published post with its body; title, excerpt and reading time come from the cached summary."""
    shown = get_object_or_404(published(), slug=slug)
    cached = summary(shown)
    known = {"title": cached.title, "excerpt": cached.excerpt, "reading_minutes": cached.reading_minutes}
    return JsonResponse(entry(shown) | known | {"body": shown.body})

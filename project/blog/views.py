"""The blog's HTML pages."""

from __future__ import annotations

from typing import Any

from django.core.paginator import InvalidPage, Page, Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from project.blog.models import Author, Category, Post, Tag
from project.blog.public import public_page
from project.blog.queries import count_view, published, summary

POSTS_AT_HOME = 7
POSTS_PER_PAGE = 12


def page_of(request: HttpRequest, posts: QuerySet[Post], size: int = POSTS_PER_PAGE) -> Page[Post]:
    """The page that `?page=` asks for; Http404 outside the range, so that no invented number is cached."""
    try:
        return Paginator(posts, size).page(request.GET.get("page", 1))
    except InvalidPage as error:
        raise Http404("There is no such page.") from error


def render_list(request: HttpRequest, posts: QuerySet[Post], **context: Any) -> HttpResponse:
    """A page of posts."""
    return render(request, "blog/list.html", {"page": page_of(request, posts), **context})


@public_page
def home(request: HttpRequest) -> HttpResponse:
    """The newest posts."""
    newest = list(published().cached()[:POSTS_AT_HOME])
    return render(request, "blog/home.html", {"lead": newest[:1], "posts": newest[1:]})


@public_page
def posts(request: HttpRequest) -> HttpResponse:
    """All posts, or with `?tag=` those of one tag."""
    if not (slug := request.GET.get("tag")):
        return render_list(request, published().cached(), heading="All posts")
    tag = get_object_or_404(Tag.objects.cached(), slug=slug)
    shown = published().cached_filter(tags=tag)
    return render_list(request, shown, heading=f"Tagged “{tag}”", query=f"tag={tag.slug}&")


@public_page
def category(request: HttpRequest, slug: str) -> HttpResponse:
    """The posts of one category."""
    shown = get_object_or_404(Category.objects.cached(), slug=slug)
    return render_list(request, published().cached_filter(category=shown), heading=shown.name)


@public_page
def author(request: HttpRequest, username: str) -> HttpResponse:
    """The posts of one author; someone who has published nothing has no page."""
    writers = Author.objects.cached_filter(posts__in=published()).distinct()
    shown = get_object_or_404(writers, username=username)
    return render_list(request, published().cached_filter(author=shown), heading=str(shown))


@public_page
def post(request: HttpRequest, slug: str) -> HttpResponse:
    """One post; a draft does not exist for the public."""
    shown = get_object_or_404(published(), slug=slug)
    count_view(shown)
    return render(request, "blog/post.html", {"post": shown, "summary": summary(shown)})


@public_page
def about(request: HttpRequest) -> HttpResponse:
    """What this site is."""
    return render(request, "blog/about.html")

"""A page, and two ways to change it in a request: in a view, and in an asynchronous one."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.cache import cache_control

import invalidation
from invalidation.caching import tagged
from invalidation.http import add_cache_tags
from tests.adoption.served.models import Post

ABOUT_ALL = "served.about"


def title(pk: int) -> str:
    """As the database has it."""
    return Post.objects.get(pk=pk).title


def cached_title(pk: int) -> str:
    """A value that ends with the post."""
    value: str = tagged.get_or_set(f"title-{pk}", lambda: title(pk), 3600, tags=[f"served.post:{pk}", ABOUT_ALL])
    return value


@cache_control(public=True, max_age=0, s_maxage=86400)
def page(request: HttpRequest, pk: int) -> HttpResponse:
    """The title, for shared caches to keep for a day."""
    add_cache_tags(request, f"served.post:{pk}")
    return HttpResponse(cached_title(pk))


def save(request: HttpRequest, pk: int) -> HttpResponse:
    """Give it another title, and read that."""
    cached_title(pk)
    post = Post.objects.get(pk=pk)
    post.title = request.GET["title"]
    post.save()
    return HttpResponse(cached_title(pk))


async def asave(request: HttpRequest, pk: int) -> HttpResponse:
    """The same, past all signals, and said by hand."""
    tags = [f"served.post:{pk}", ABOUT_ALL]
    await tagged.aget_or_set(f"title-{pk}", lambda: title(pk), 3600, tags=tags)
    await Post.objects.filter(pk=pk).aupdate(title=request.GET["title"])
    await invalidation.ainvalidate(tags=[f"served.post:{pk}"])
    return HttpResponse(await tagged.aget_or_set(f"title-{pk}", lambda: title(pk), 3600, tags=tags))


def health(request: HttpRequest) -> HttpResponse:
    """For Varnish."""
    return HttpResponse("well", headers={"Cache-Control": "no-store"})


urlpatterns = [
    path("posts/<int:pk>/", page),
    path("posts/<int:pk>/save/", save),
    path("posts/<int:pk>/asave/", asave),
    path("health/", health),
]

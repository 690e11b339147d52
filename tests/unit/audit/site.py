"""The views and rules of a small site that is audited; a test looks for their lines."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views import View
from django.views.decorators.http import require_GET

import invalidation
from tests.fixtures.library.models import Genre


def author(request: HttpRequest, slug: str) -> HttpResponse:
    return HttpResponse(slug)


@require_GET
def about(request: HttpRequest) -> HttpResponse:
    return HttpResponse("about")


class Weather(View):
    def get(self, request: HttpRequest, place: str) -> HttpResponse:
        return HttpResponse(place)


class Called:
    def __call__(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("called")


class GenreRules(invalidation.Rules):
    """A genre is on the shelves of its own tag."""

    def tags(self, genre: Any) -> Iterable[str]:
        return [f"genre-shelf:{genre.slug}"]


class FailingRules(invalidation.Rules):
    """Of which one method fails."""

    def tags(self, genre: Genre) -> Iterable[str]:
        raise ValueError("no tags today")

    def urls(self, genre: Genre) -> Iterable[str]:
        return ["/about/"]


urlpatterns = [
    path("authors/<slug:slug>/", author),
    path("genres/<slug:slug>/", author),
    path("about/", about),
    path("partial/", partial(author, slug="fixed")),
    path("called/", Called()),
    path("weather/<slug:place>/", Weather.as_view()),
]

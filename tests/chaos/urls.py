"""The site under fault: a page per thing, and a way to change things over HTTP."""

from __future__ import annotations

import os
from functools import cache

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from invalidation.http import add_cache_tags
from tests.chaos import site
from tests.chaos.journal import Journal
from tests.chaos.models import Thing
from tests.chaos.noting import noted


@cache
def _journal(process: int) -> Journal:
    return Journal(site.folder() / f"web-{process}.journal")


@csrf_exempt
def change(request: HttpRequest, token: str, kind: str) -> HttpResponse:
    """Make one change; 500 where it failed."""
    outcome = noted(_journal(os.getpid()), token, kind)
    return HttpResponse(outcome, status=200 if outcome in ("committed", "rolled back") else 500)


def thing(request: HttpRequest, pk: int, slug: str) -> HttpResponse:
    """Its version, for shared caches to keep for an hour."""
    found = get_object_or_404(Thing, pk=pk, slug=slug)
    add_cache_tags(request, f"chaos.thing:{pk}")
    return HttpResponse(found.version, headers={"Cache-Control": "public, max-age=0, s-maxage=3600"})


def health(request: HttpRequest) -> HttpResponse:
    """For the proxies."""
    return HttpResponse("well", headers={"Cache-Control": "no-store"})


urlpatterns = [
    path("change/<str:token>/<str:kind>/", change),
    path("things/<int:pk>/<str:slug>/", thing),
    path("health/", health),
]

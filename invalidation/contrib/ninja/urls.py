"""Routes of the API; include them below a path of the site, such as `api/invalidation/`."""

from __future__ import annotations

import json

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, re_path

from invalidation.contrib.ninja.answering.endpoints import api
from invalidation.contrib.ninja.answering.guard import guarded
from invalidation.contrib.ninja.answering.openapi import description
from invalidation.contrib.ninja.problems import not_found

OPENAPI = "openapi.json"
#: django-ninja's own, for which nobody asks here.
ROOT = "api-root"


def openapi(request: HttpRequest) -> HttpResponse:
    """The description, without a token: it says what the API can do, and nothing of this site."""
    prefix = request.path.removesuffix(OPENAPI)
    return HttpResponse(json.dumps(description(api, prefix)), content_type="application/json")


def nothing(request: HttpRequest, **_: str) -> HttpResponse:
    """Every other address below."""
    return not_found().response()


app_name = "invalidation_api"
urlpatterns = [
    path(OPENAPI, guarded(openapi), name="openapi"),
    *(
        URLPattern(route.pattern, guarded(route.callback), route.default_args, route.name)
        for route in api.urls[0]
        if isinstance(route, URLPattern) and route.name != ROOT
    ),
    re_path("", guarded(nothing)),
]

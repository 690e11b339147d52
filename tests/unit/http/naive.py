"""Textbook versions, reconstructed small: what they get wrong is what the real ones are tested for."""

from __future__ import annotations

from collections.abc import Callable

from django.db.models import Max
from django.http import HttpRequest, HttpResponseBase

from project.blog.models import Post


def public_by_path(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """F6: a middleware that looks at the path alone."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if request.path.startswith("/public/"):
            response.headers["Cache-Control"] = "public, max-age=0, s-maxage=600"
        return response

    return middleware


def etag_by_newest(_: HttpRequest) -> str:
    """F21: an ETag from the newest timestamp."""
    return f'"{Post.objects.aggregate(newest=Max("updated_at"))["newest"]}"'

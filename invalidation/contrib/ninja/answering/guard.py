"""What holds for every answer: kept by no cache, of one correlation id, and a problem where it is an error."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db import connections, transaction
from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from invalidation import context
from invalidation.contrib.ninja.problems import Problem

View = Callable[..., HttpResponseBase]
CORRELATION_PATTERN = re.compile(r"[A-Za-z0-9._:-]{1,64}")
NOT_ALLOWED = 405


def guarded(view: View) -> View:
    """The view with all of that. It opens its own transactions, so that a refusal never rolls back what it noted.

    Nothing here is done in the name of a cookie, so that no other site can have a browser do it.
    """

    @wraps(view)
    def answer(request: HttpRequest, *arguments: Any, **options: Any) -> HttpResponseBase:
        with context.following(_correlation_id(request)):
            response = view(request, *arguments, **options)
        if response.status_code == NOT_ALLOWED:
            response = _not_allowed(response)
        response.headers["Cache-Control"] = "private, no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    for alias in connections:
        transaction.non_atomic_requests(using=alias)(answer)
    return csrf_exempt(answer)


def _correlation_id(request: HttpRequest) -> str:
    """What the caller calls this; nothing where it is not a word."""
    given = request.headers.get("X-Correlation-ID", "")
    return given if CORRELATION_PATTERN.fullmatch(given) else ""


def _not_allowed(response: HttpResponseBase) -> HttpResponseBase:
    allowed = response.headers["Allow"]
    return Problem(405, "Nobody can do that here.", f"Send {allowed}.", headers={"Allow": allowed}).response()

"""What ends a request without what was asked for, as problems: django-ninja's errors, the database's, and our own."""

from __future__ import annotations

from typing import Any

from django.core.signals import got_request_exception
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from invalidation import lazy
from invalidation.contrib.ninja.problems import LISTED, Problem, complaints, not_found
from invalidation.exceptions import InvalidTarget

logger = lazy.Logger(__name__)


def connect(api: NinjaAPI) -> None:
    """Answer every error of this API."""
    for kind, handler in HANDLERS.items():
        api.add_exception_handler(kind, handler)


def _answer(request: HttpRequest, problem: Problem) -> HttpResponse:
    return problem.response()


def _unreadable(request: HttpRequest, error: ValidationError) -> HttpResponse:
    found = list(complaints(error.errors[:LISTED]))
    return Problem(422, "The request can't be read.", "Mend the fields that are named.", found).response()


def _no_json(request: HttpRequest, error: HttpError) -> HttpResponse:
    """All that django-ninja itself refuses is a body that it can't parse."""
    return Problem(error.status_code, "The body is no JSON.", "Send one JSON object in UTF-8.").response()


def _unusable(request: HttpRequest, error: InvalidTarget) -> HttpResponse:
    """Found only when it was planned or stored; its own words may repeat what was sent."""
    return Problem(422, "The request names what can't be purged.", "Compare it with openapi.json.").response()


def _missing(request: HttpRequest, error: Http404) -> HttpResponse:
    return not_found().response()


def _away(request: HttpRequest, error: DatabaseError) -> HttpResponse:
    logger.error("api_failed", error=type(error).__name__, exc_info=error)
    fix = "Send it again later, with the same idempotency key."
    return Problem(503, "The database does not answer.", fix, headers={"Retry-After": "5"}).response()


def _broken(request: HttpRequest, error: Exception) -> HttpResponse:
    """A fault of ours: told to whoever collects them, and in general words to who asked."""
    got_request_exception.send(sender=_broken, request=request)
    logger.error("api_failed", error=type(error).__name__, exc_info=error)
    return Problem(500, "The API failed.", "Its log says why; send it again with the same idempotency key.").response()


HANDLERS: dict[type[Exception], Any] = {
    Problem: _answer,
    ValidationError: _unreadable,
    HttpError: _no_json,
    InvalidTarget: _unusable,
    Http404: _missing,
    DatabaseError: _away,
    Exception: _broken,
}

"""What a request is called in the log: a proxy's word, and nothing that a visitor could hide lines by."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.http import HttpRequest
from django.test import RequestFactory
from structlog.contextvars import bound_contextvars

from invalidation import context
from project.request_ids import HEADER, request_ids
from project.settings import base

GOOD = ["request-of-a-proxy", "0123456789abcdef" * 4, "a.b:c_d-9"]
BAD = [
    "",
    "short",
    "x" * 65,
    "two words here",
    "one\nevent=forged",
    "caf\u00e9-caf\u00e9",
    "'--DROP-TABLE",
    "\u0661" * 8,
]


def known(request: HttpRequest) -> Any:
    """What the application behind sees."""
    return request.META.get(HEADER)


async def known_async(request: HttpRequest) -> Any:
    """The same."""
    return known(request)


@pytest.mark.parametrize(("given", "seen"), [*((one, one) for one in GOOD), *((one, None) for one in BAD)])
def test_an_id_is_one_word_of_bounded_length_or_none(given: str, seen: str | None) -> None:
    extra: dict[str, Any] = {HEADER: given}
    assert request_ids(known)(RequestFactory().get("/", **extra)) == seen
    assert asyncio.run(request_ids(known_async)(RequestFactory().get("/", **extra))) == seen


def test_it_is_judged_before_anything_is_logged_under_it() -> None:
    assert base.MIDDLEWARE[:2] == [
        "project.request_ids.request_ids",
        "django_structlog.middlewares.RequestMiddleware",
    ]


@pytest.mark.parametrize(("bound", "correlation"), [("a-b", "a-b"), ("x" * 80, "x" * 64), ("a b", ""), ("\u0661", "")])
def test_an_event_is_not_filed_under_what_nobody_could_search_for(bound: str, correlation: str) -> None:
    with bound_contextvars(request_id=bound):
        assert context.correlation_id() == correlation

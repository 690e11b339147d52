"""No copy of a page outlives the next instant at which something that it shows changes by itself (E12)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from invalidation.http import add_cache_tags, cacheable
from invalidation.middleware import CacheTagMiddleware
from invalidation.models import ScheduledEvent
from tests.fixtures.library.models import Notice
from tests.integration.freshness.conftest import Declare

pytestmark = pytest.mark.django_db

Respond = Callable[..., HttpResponse]


@pytest.fixture
def respond(declare: Declare) -> Respond:
    declare({})

    def responding(tags: list[str], *, work: Callable[[], object] = bool, **headers: str) -> HttpResponse:
        def view(request: HttpRequest) -> HttpResponse:
            work()
            add_cache_tags(request, *tags)
            return HttpResponse(headers={name.replace("_", "-"): value for name, value in headers.items()})

        response: HttpResponse = CacheTagMiddleware(view)(RequestFactory().get("/page/"))
        return response

    return responding


def notice(seconds: float) -> str:
    """The tag of a notice that opens in so many seconds."""
    made = Notice.objects.create(slug="sale", opens_at=timezone.now() + timedelta(seconds=seconds))
    return f"library.notice:{made.pk}"


LONG = "public, max-age=3600, s-maxage=86400, stale-while-revalidate=600"


@pytest.mark.parametrize("model_tag", [False, True])
def test_every_lifetime_ends_with_the_instant(respond: Respond, model_tag: bool) -> None:
    tag = notice(100.9)
    response = respond(["library.notice"] if model_tag else [tag], Cache_Control=LONG, CDN_Cache_Control="max-age=900")
    found = cacheable.directives(response["Cache-Control"])
    assert {int(found["max-age"]), int(found["s-maxage"])} <= {99, 100}
    assert found["stale-while-revalidate"] in {"0", "1"}
    assert int(cacheable.directives(response["CDN-Cache-Control"])["max-age"]) <= 100
    assert response["X-Accel-Expires"].startswith("@")


def test_what_ends_sooner_by_itself_stays_as_it_is(respond: Respond) -> None:
    tag = notice(1000)
    assert respond([tag], Cache_Control="public, max-age=60")["Cache-Control"] == "public, max-age=60"
    mixed = cacheable.directives(respond([tag], Cache_Control="max-age=5000, s-maxage=5")["Cache-Control"])
    assert (int(mixed["max-age"]) < 1000, mixed["s-maxage"]) == (True, "5")


def test_a_page_that_shows_none_of_it_is_as_it_was_and_asks_nothing(respond: Respond) -> None:
    notice(100)
    with CaptureQueriesContext(connection) as queries:
        assert respond(["library.genre:1"], Cache_Control=LONG)["Cache-Control"] == LONG
    assert len(queries) == 0


def test_another_rows_instant_is_not_that_of_this_page(respond: Respond) -> None:
    notice(100)
    assert respond(["library.notice:0"], Cache_Control=LONG)["Cache-Control"] == LONG


def test_a_page_that_was_begun_before_the_instant_and_ended_after_it_is_stored_by_nobody(respond: Respond) -> None:
    tag = notice(1000)

    def come() -> None:
        ScheduledEvent.objects.update(due_at=timezone.now())

    assert respond([tag], work=come, Cache_Control=LONG)["Cache-Control"] == "no-store"
    assert respond([tag], Cache_Control=LONG)["Cache-Control"] == LONG  # begun after it: as new as can be

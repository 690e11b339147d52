"""The policy of lifetimes: rules give them, a view's own header wins, and nothing private gets one."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable

import pytest
import structlog
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import ImproperlyConfigured
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.middleware.csrf import get_token
from django.test import RequestFactory
from django.urls import resolve
from django.utils.functional import SimpleLazyObject
from pytest_django import Settings

from invalidation import conf
from invalidation.http import policy
from invalidation.middleware import CachePolicyMiddleware
from tests.fixtures.grouped import grouped
from tests.unit.http import naive
from tests.unit.http.conftest import PUBLIC, through_policy

Prepare = Callable[[HttpRequest, HttpResponseBase], None]


def signed_in(request: HttpRequest, response: HttpResponseBase) -> None:
    request.user = User(username="amara")


def with_session(request: HttpRequest, response: HttpResponseBase) -> None:
    request.COOKIES["sessionid"] = "x"


def with_credentials(request: HttpRequest, response: HttpResponseBase) -> None:
    request.META["HTTP_AUTHORIZATION"] = "Bearer x"


def setting_a_cookie(request: HttpRequest, response: HttpResponseBase) -> None:
    response.set_cookie("basket", "1")


def using_a_csrf_token(request: HttpRequest, response: HttpResponseBase) -> None:
    get_token(request)


def posted(request: HttpRequest, response: HttpResponseBase) -> None:
    request.method = "POST"


def failing(request: HttpRequest, response: HttpResponseBase) -> None:
    response.status_code = 500


def missing(request: HttpRequest, response: HttpResponseBase) -> None:
    response.status_code = 404


def varying_by_everything(request: HttpRequest, response: HttpResponseBase) -> None:
    response.headers["Vary"] = "*"


PRIVATE: list[Prepare] = [
    signed_in,
    with_session,
    with_credentials,
    setting_a_cookie,
    using_a_csrf_token,
    posted,
    failing,
    missing,
    varying_by_everything,
]
OWN = ["", "public, s-maxage=60", "max-age=60", "s-maxage=60", "public"]


def test_a_rule_gives_a_public_page_its_lifetime(rf: RequestFactory) -> None:
    assert through_policy(rf.get("/public/x"), HttpResponse())["Cache-Control"] == PUBLIC
    assert "Cache-Control" not in through_policy(rf.get("/other/"), HttpResponse()).headers


@pytest.mark.parametrize("own", ["no-store", "private, max-age=5", "public, s-maxage=1", "max-age=7"])
def test_a_view_s_own_header_wins(rf: RequestFactory, own: str) -> None:
    response = through_policy(rf.get("/public/"), HttpResponse(headers={"Cache-Control": own}))
    assert response["Cache-Control"] == own


@pytest.mark.parametrize("header", ["CDN-Cache-Control", "Surrogate-Control", "Expires", "X-Accel-Expires"])
def test_every_header_by_which_a_view_decides_counts_as_its_own(rf: RequestFactory, header: str) -> None:
    assert "Cache-Control" not in through_policy(rf.get("/public/"), HttpResponse(headers={header: "0"})).headers


@pytest.mark.parametrize("own", OWN)
@pytest.mark.parametrize("prepare", PRIVATE, ids=lambda one: one.__name__)
def test_f6_nothing_private_leaves_as_public_where_the_naive_middleware_says_so(
    rf: RequestFactory, prepare: Prepare, own: str
) -> None:
    def answer() -> tuple[HttpRequest, HttpResponse]:
        request = rf.get("/public/")
        response = HttpResponse(headers={"Cache-Control": own} if own else {})
        prepare(request, response)
        return request, response

    request, response = answer()
    assert "public" in naive.public_by_path(lambda _: response)(request)["Cache-Control"]
    request, response = answer()
    for header in ("CDN-Cache-Control", "Surrogate-Control"):
        response.headers[header] = "max-age=60" if own else ""
    left = through_policy(request, response)
    assert left["Cache-Control"] == policy.PRIVATE
    assert not any(left.headers.get(header) for header in ("CDN-Cache-Control", "Surrogate-Control"))


@pytest.mark.parametrize("own", ["private, max-age=60", "no-store", "no-cache"])
def test_a_private_response_that_says_so_itself_stays_as_it_is(rf: RequestFactory, own: str) -> None:
    request = rf.get("/public/")
    request.user = User(username="amara")
    assert through_policy(request, HttpResponse(headers={"Cache-Control": own}))["Cache-Control"] == own


def test_a_visitor_whom_nobody_asked_for_is_not_looked_up(rf: RequestFactory) -> None:
    def look_up() -> User:
        raise AssertionError

    request = rf.get("/public/")
    request.user = SimpleLazyObject(look_up)  # type: ignore[assignment]
    assert through_policy(request, HttpResponse())["Cache-Control"] == PUBLIC
    request.user = AnonymousUser()
    assert through_policy(request, HttpResponse())["Cache-Control"] == PUBLIC


def test_what_is_rendered_while_it_is_sent_gets_no_lifetime_by_rule_and_a_file_does(rf: RequestFactory) -> None:
    assert "Cache-Control" not in through_policy(rf.get("/public/"), StreamingHttpResponse(["x"])).headers
    assert through_policy(rf.get("/public/"), FileResponse(io.BytesIO(b"x")))["Cache-Control"] == PUBLIC


@pytest.mark.parametrize(("status", "ruled"), [(200, True), (301, True), (304, True), (302, False), (201, False)])
def test_a_rule_is_for_answers_that_are_the_same_for_everybody(rf: RequestFactory, status: int, ruled: bool) -> None:
    assert ("Cache-Control" in through_policy(rf.get("/public/"), HttpResponse(status=status)).headers) is ruled


def test_the_first_rule_that_matches_counts(rf: RequestFactory, settings: Settings) -> None:
    rules = [
        {
            "VIEWS": ["blog:about"],
            "CACHE_CONTROL": "public, max-age=0",
            "CDN_CACHE_CONTROL": "max-age=60",
            "SURROGATE_CONTROL": "max-age=90",
            "STALE_WHILE_REVALIDATE": 5,
            "STALE_IF_ERROR": 7,
        },
        {"PATHS": ["."], "CACHE_CONTROL": "public, max-age=1"},
    ]
    settings.INVALIDATION = grouped({**settings.INVALIDATION, "POLICY": rules})
    about = rf.get("/about/")
    about.resolver_match = resolve("/about/")
    left = through_policy(about, HttpResponse())
    assert left["Cache-Control"] == "public, max-age=0, stale-while-revalidate=5, stale-if-error=7"
    assert left["CDN-Cache-Control"] == "max-age=60, stale-while-revalidate=5, stale-if-error=7"
    assert left["Surrogate-Control"].startswith("max-age=90")
    assert through_policy(rf.get("/else/"), HttpResponse())["Cache-Control"] == "public, max-age=1"


@pytest.mark.parametrize(
    ("rule", "word"), [({"PATH": "x"}, "PATH"), ({"CACHE_CONTROL": "x"}, "VIEWS"), ({"PATHS": ["("]}, "pattern")]
)
def test_a_rule_that_can_not_be_read_is_named(rule: dict[str, object], word: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=word):
        conf.parse({"PAGES": {"POLICY": [rule]}})


def test_vary_names_each_header_once_and_cookies_on_a_public_page_are_reported_once(rf: RequestFactory) -> None:
    policy._warn_of_cookies.cache_clear()
    with structlog.testing.capture_logs() as logs:
        for _ in range(2):
            response = HttpResponse(headers={"Vary": "Cookie, Accept-Encoding, cookie"})
            assert through_policy(rf.get("/public/"), response)["Vary"] == "Cookie, Accept-Encoding"
        through_policy(rf.get("/other/"), HttpResponse(headers={"Vary": "Cookie"}))
    assert [line["event"] for line in logs] == ["public_page_varies_by_cookie"]


def test_under_asgi_it_is_the_same(rf: RequestFactory) -> None:
    async def view(_: HttpRequest) -> HttpResponse:
        return HttpResponse()

    left = asyncio.run(CachePolicyMiddleware(view)(rf.get("/public/")))
    assert left["Cache-Control"] == PUBLIC

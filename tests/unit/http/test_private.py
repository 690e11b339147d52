"""Whatever kind of response it is: no real cache shows a stranger what was made for somebody (I10)."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.middleware.csrf import get_token
from django.test import RequestFactory
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from deploy.local import Nginx, Varnish
from invalidation.http.policy import private_because
from tests.stand_ins.origin import Origin
from tests.stand_ins.visitor import is_hit, visit
from tests.unit.http import naive
from tests.unit.http.conftest import through_policy

pytestmark = pytest.mark.takes(12)

STRANGER = "made for everybody"


@dataclass(frozen=True)
class Kind:
    """One combination of what may make a response private, and of what its view says itself."""

    method: str = "GET"
    status: int = 200
    signed_in: bool = False
    session: bool = False
    credentials: bool = False
    sets_cookie: bool = False
    csrf: bool = False
    streaming: bool = False
    own: str = ""
    cdn: str = ""
    vary: str = ""

    def request(self, path: str) -> HttpRequest:
        """As it arrives at the application."""
        request: HttpRequest = RequestFactory().generic(self.method, path, headers=self.headers())
        request.user = User(username="amara") if self.signed_in else AnonymousUser()
        if self.session:
            request.COOKIES["sessionid"] = "secret"
        return request

    def headers(self) -> dict[str, str]:
        """What the visitor sends."""
        cookie = {"Cookie": "sessionid=secret"} if self.session else {}
        return cookie | ({"Authorization": "Bearer secret"} if self.credentials else {})

    def response(self, request: HttpRequest) -> HttpResponseBase:
        """As the view gives it."""
        made = StreamingHttpResponse(["x"]) if self.streaming else HttpResponse("x")
        made.status_code = self.status
        for name, value in (("Cache-Control", self.own), ("CDN-Cache-Control", self.cdn), ("Vary", self.vary)):
            if value:
                made.headers[name] = value
        if self.sets_cookie:
            made.set_cookie("basket", "secret")
        if self.csrf:
            get_token(request)
        return made


KINDS = st.builds(
    Kind,
    method=st.sampled_from(["GET", "GET", "GET", "HEAD", "POST"]),
    status=st.sampled_from([200, 200, 200, 301, 302, 404, 500]),
    signed_in=st.booleans(),
    session=st.booleans(),
    credentials=st.booleans(),
    sets_cookie=st.booleans(),
    csrf=st.booleans(),
    streaming=st.booleans(),
    own=st.sampled_from(["", "public, s-maxage=600", "max-age=600", "private, max-age=600", "no-store"]),
    cdn=st.sampled_from(["", "max-age=600"]),
    vary=st.sampled_from(["", "Cookie", "Accept-Encoding", "*"]),
)


def headers_of(response: HttpResponseBase) -> dict[str, str]:
    """Every header that leaves, cookies included."""
    cookie = response.cookies.output(header="", sep="").strip()
    return {**dict(response.headers.items()), **({"Set-Cookie": cookie} if cookie else {})}


@pytest.fixture(params=["varnish", "nginx"])
def cache_in_front(request: pytest.FixtureRequest) -> Varnish | Nginx:
    server: Varnish | Nginx = request.getfixturevalue(f"{request.param}_server")
    return server


def stored(server: Varnish | Nginx, origin: Origin, kind: Kind, response: HttpResponseBase, site: str) -> bool:
    """Let the visitor ask, then a stranger: is the stranger shown what the visitor was?"""
    path = f"/public/{uuid.uuid4().hex}/"
    page = origin.pages[path]
    page.status, page.headers = response.status_code, headers_of(response)
    visit(server, site + path, kind.headers(), kind.method)
    origin.change(path)
    answer = visit(server, site + path)
    return is_hit(answer) or "version 1" in answer.text


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=KINDS)
@example(Kind())
@example(Kind(signed_in=True))
@example(Kind(csrf=True))
@example(Kind(status=404, own="public, s-maxage=600"))
def test_a_stranger_never_sees_what_was_made_for_somebody(
    cache_in_front: Varnish | Nginx, origin: Origin, site: str, kind: Kind
) -> None:
    request = kind.request("/public/")
    response = through_policy(request, kind.response(request))
    because = private_because(request, response)
    shown = stored(cache_in_front, origin, kind, response, site)
    event(f"{because or 'public'}: {'stored' if shown else 'not stored'}")
    assert not (because and shown), f"{because}, and stored as {headers_of(response)}"


def test_a_public_page_is_stored_so_that_the_test_above_means_something(
    cache_in_front: Varnish | Nginx, origin: Origin, site: str
) -> None:
    request = Kind().request("/public/")
    assert stored(cache_in_front, origin, Kind(), through_policy(request, Kind().response(request)), site)


@pytest.mark.parametrize("kind", [Kind(signed_in=True), Kind(csrf=True)], ids=["user", "csrf"])
def test_f6_the_naive_middleware_shows_it_to_strangers(
    cache_in_front: Varnish | Nginx, origin: Origin, site: str, kind: Kind
) -> None:
    request = kind.request("/public/")
    response = naive.public_by_path(kind.response)(request)
    assert stored(cache_in_front, origin, kind, response, site)


@pytest.mark.parametrize("status", [404, 500])
def test_f6_the_caches_refuse_an_error_that_the_naive_middleware_calls_public(
    cache_in_front: Varnish | Nginx, origin: Origin, site: str, status: int
) -> None:
    kind = Kind(status=status)
    response = naive.public_by_path(kind.response)(kind.request("/public/"))
    assert "public" in response.headers["Cache-Control"]
    assert not stored(cache_in_front, origin, kind, response, site)


def test_what_only_the_caches_read_does_not_reach_the_visitor(
    cache_in_front: Varnish | Nginx, origin: Origin, site: str
) -> None:
    names = ("xkey", "Cache-Tag", "Surrogate-Key")
    page = origin.pages["/tagged/"]
    page.headers = page.headers | dict.fromkeys(names, "blog.post:1")
    for _ in range(2):
        answer = visit(cache_in_front, site + "/tagged/")
        assert not [name for name in names if name in answer.headers]

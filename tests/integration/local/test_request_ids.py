"""One id from the edge on: given by a proxy that is trusted, else Nginx' own; never what is too long or no word."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
import urllib3

from deploy.local import Nginx, wait_for
from tests.integration.local.conftest import NAME, SECURE_SITE
from tests.stand_ins.origin import Origin

OWN = re.compile("[0-9a-f]{32}")
BAD = [
    "short",
    "x" * 65,
    "a b c d e f",
    "a;b;c;d;e",
    "caf\u00e9-caf\u00e9",
    "'--DROP-TABLE",
    "a" * 4000,
    "${jndi:ldap}",
    "tabs\ttabs",
]


def asked(visitor: urllib3.HTTPSConnectionPool, path: str, **headers: str) -> Mapping[str, str]:
    """The headers of the answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = visitor.request("GET", path, headers={"Host": NAME, **named})
    return dict(answer.headers)


def arrived(origin: Origin, path: str) -> list[str]:
    """The ids under which the application was asked for a page."""
    return [request.headers["x-request-id"] for request in origin.requests if request.target == path]


def logged(server: Nginx, known: str) -> str:
    """The line of the access log that has this id."""
    log = server.folder / "access.log"
    return wait_for(
        lambda: next((line for line in log.read_text().splitlines() if f" {known} " in line), ""), 10, known
    )


def test_the_id_of_a_trusted_proxy_reaches_the_application_the_log_and_the_answer(
    server: Nginx, over_tls: urllib3.HTTPSConnectionPool, origin: Origin
) -> None:
    given = "edge:4711.a_B-" + "c" * 50
    assert asked(over_tls, "/a/", X_Request_ID=given)["X-Request-ID"] == given
    assert arrived(origin, "/a/") == [given]
    assert re.search(rf'"GET /a/ HTTP/1.1" 200 \d+ ".*" ".*" {given} MISS [\d.]+$', logged(server, given))


def test_without_one_nginx_gives_each_request_its_own(
    server: Nginx, over_tls: urllib3.HTTPSConnectionPool, origin: Origin
) -> None:
    first, second = (asked(over_tls, f"/{path}/")["X-Request-ID"] for path in "ab")
    assert OWN.fullmatch(first)
    assert OWN.fullmatch(second)
    assert first != second
    assert arrived(origin, "/a/") == [first]
    assert logged(server, first)


def test_a_page_from_the_cache_has_the_id_of_who_asked_and_not_of_whom_it_was_rendered_for(
    server: Nginx, over_tls: urllib3.HTTPSConnectionPool, origin: Origin
) -> None:
    origin.pages["/a/"].headers["X-Request-ID"] = "of-the-application"
    answers = [asked(over_tls, "/a/", X_Request_ID=f"request-{number}") for number in range(2)]
    assert [(one["X-Cache-Status"], one["X-Request-ID"]) for one in answers] == [
        ("MISS", "request-0"),
        ("HIT", "request-1"),
    ]
    assert " HIT " in logged(server, "request-1")


@pytest.mark.parametrize("given", BAD)
def test_what_is_no_id_is_not_passed_on(
    server: Nginx, over_tls: urllib3.HTTPSConnectionPool, origin: Origin, given: str
) -> None:
    known = asked(over_tls, "/a/", X_Request_ID=given.encode().decode("latin-1"))["X-Request-ID"]
    assert OWN.fullmatch(known)
    assert arrived(origin, "/a/") == [known]


def test_of_two_the_application_sees_one(server: Nginx, over_tls: urllib3.HTTPSConnectionPool, origin: Origin) -> None:
    headers = urllib3.HTTPHeaderDict([("Host", NAME), ("X-Request-ID", "request-1"), ("X-Request-ID", "request-2")])
    known = over_tls.request("GET", "/a/", headers=headers).headers["X-Request-ID"]
    assert known == "request-1" or OWN.fullmatch(known)  # newer versions join them to what is no id
    assert arrived(origin, "/a/") == [known]


def test_a_stranger_s_id_can_be_found_but_is_never_another_s(
    server: Nginx, stranger_over_tls: urllib3.HTTPSConnectionPool, origin: Origin
) -> None:
    first, second = (
        asked(stranger_over_tls, f"/{path}/", X_Request_ID="somebody-else")["X-Request-ID"] for path in "ab"
    )
    assert first != second
    assert re.fullmatch(r"somebody-else\.[0-9a-f]{32}", first)
    assert arrived(origin, "/a/") == [first]
    assert len(asked(stranger_over_tls, "/a/", X_Request_ID="x" * 31)["X-Request-ID"]) == 64
    assert OWN.fullmatch(asked(stranger_over_tls, "/a/", X_Request_ID="x" * 32)["X-Request-ID"])


def test_a_refusal_has_one_too(server: Nginx, stranger: urllib3.HTTPConnectionPool) -> None:
    answer = stranger.request("GET", "/a/", redirect=False)
    assert answer.headers["Location"].startswith(SECURE_SITE)
    assert OWN.fullmatch(answer.headers["X-Request-ID"])
    assert " 301 " in logged(server, answer.headers["X-Request-ID"])

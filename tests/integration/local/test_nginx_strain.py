"""The shipped Nginx site under strain: too many requests, many at once, an application that fails."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import urllib3

from deploy.local import Nginx, wait_for
from invalidation.providers.nginx import Nginx as Provider
from invalidation.proxies.templates import Value
from tests.fixtures.servers import SECRET
from tests.integration.local.conftest import NAME, SECURITY, SITE
from tests.stand_ins.origin import CACHEABLE, Origin
from tests.stand_ins.visitor import visit, warm


def allowed(server: Nginx, path: str, visitor: str, method: str = "GET") -> list[int]:
    """Statuses of thirty requests of one visitor, up to the first that is refused."""
    statuses: list[int] = []
    while len(statuses) < 30 and 429 not in statuses:
        statuses.append(visit(server, SITE + path, {"X-Forwarded-For": visitor}, method).status)
    return statuses


def test_the_api_answers_a_burst_and_then_asks_to_wait(server: Nginx, origin: Origin) -> None:
    statuses = allowed(server, "/api/posts/", "198.51.100.2")
    assert statuses[:4] == [200] * 4
    assert statuses[-1] == 429
    refused = wait_for(lambda: too_many(server, "/api/posts/?again", "198.51.100.2"), 10, "another refusal")
    assert refused["Retry-After"] == "1"
    assert {name: refused[name] for name in SECURITY} == SECURITY
    assert visit(server, f"{SITE}/api/posts/", {"X-Forwarded-For": "198.51.100.3"}).status == 200
    assert visit(server, f"{SITE}/a/", {"X-Forwarded-For": "198.51.100.2"}).status == 200


def too_many(server: Nginx, path: str, visitor: str) -> dict[str, str]:
    answer = visit(server, SITE + path, {"X-Forwarded-For": visitor})
    return dict(answer.headers) if answer.status == 429 else {}


@pytest.mark.parametrize(
    ("path", "visitor"),
    [("/admin/login/", "198.51.100.4"), ("/admin/%6Cogin/", "198.51.100.5"), ("/admin/./login/", "198.51.100.6")],
)
def test_passwords_can_be_tried_a_few_times_a_minute(server: Nginx, origin: Origin, path: str, visitor: str) -> None:
    assert allowed(server, path, visitor, "POST") == [200] * 4 + [429]
    assert len(origin.seen("POST")) == 4
    assert visit(server, f"{SITE}/admin/login/", {"X-Forwarded-For": visitor}).status == 200


def test_a_stranger_can_not_invent_addresses_to_escape_a_limit(stranger_over_tls: urllib3.HTTPSConnectionPool) -> None:
    forged = [{"Host": NAME, "X-Forwarded-For": f"198.51.100.{number}"} for number in range(100, 106)]
    sent = [stranger_over_tls.request("POST", "/admin/login/", headers=headers) for headers in forged]
    assert 429 in [answer.status for answer in sent]


def test_any_page_has_a_limit(state_folder: Path, origin: Origin) -> None:
    options: dict[str, Value] = {"requests_per_second": "1", "burst": "3", "server_names": NAME}
    with Nginx(state_folder, [origin.address], SECRET, name="limited", options=options) as server:
        statuses = allowed(server, "/a/", "198.51.100.2")
    assert statuses[:4] == [200] * 4
    assert statuses[-1] == 429


def test_many_visitors_of_a_page_that_is_not_there_ask_the_application_once(
    nginx_server: Nginx, origin: Origin, site: str
) -> None:
    origin.pages["/slow/"].delay_seconds = 0.5
    with ThreadPoolExecutor(12) as visitors:
        answers = list(visitors.map(lambda _: visit(nginx_server, f"{site}/slow/"), range(12)))
    assert {answer.text for answer in answers} == {"version 1"}
    assert len(origin.seen("GET")) == 1


def expired(server: Nginx, origin: Origin, site: str) -> None:
    """Let the server hold a page that is no longer fresh."""
    origin.pages["/a/"].headers["Cache-Control"] = "public, s-maxage=1"
    warm(server, f"{site}/a/")
    origin.change("/a/")


def stale(server: Nginx, site: str) -> bool:
    """Does it show the old copy, and say so?"""
    answer = visit(server, f"{site}/a/")
    return (answer.status, answer.text, answer.headers["X-Cache-Status"]) == (200, "version 1", "STALE")


@pytest.mark.parametrize("status", [500, 503])
def test_an_expired_copy_is_shown_while_the_application_fails(
    nginx_server: Nginx, origin: Origin, site: str, status: int
) -> None:
    expired(nginx_server, origin, site)
    origin.pages["/a/"].status = status
    wait_for(lambda: stale(nginx_server, site), 10, "the stale copy")
    origin.pages["/a/"].status = 200
    assert visit(nginx_server, f"{site}/a/").text == "version 2"


def test_an_expired_copy_is_shown_while_the_application_is_gone(state_folder: Path, site: str) -> None:
    with Origin() as mortal, Nginx(state_folder, [mortal.address], SECRET, name="bereaved") as server:
        expired(server, mortal, site)
        mortal.stop()
        wait_for(lambda: stale(server, site), 10, "the stale copy")
        assert visit(server, f"{site}/never-seen/").status == 502


def test_a_purged_copy_is_not_shown_even_then(nginx_server: Nginx, origin: Origin, site: str) -> None:
    origin.pages["/a/"].headers = dict(CACHEABLE)
    warm(nginx_server, f"{site}/a/")
    origin.pages["/a/"].status = 503
    assert Provider("nginx", nginx_server.url, {"SECRET": SECRET}).purge_urls([f"{site}/a/"]).removed == 1
    assert visit(nginx_server, f"{site}/a/").status == 503

"""The shipped Varnish site: several application servers, pages composed of fragments, errors, old copies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread

import pytest
import requests

from deploy.local import Nginx, Varnish, wait_for
from invalidation.providers.http import Location
from invalidation.providers.varnish import Varnish as Provider
from tests.fixtures.servers import SECRET
from tests.integration.doctor.broken import BrokenVarnish
from tests.stand_ins.origin import CACHEABLE, Origin
from tests.stand_ins.visitor import visit, warm

ESI = {**CACHEABLE, "Surrogate-Control": 'content="ESI/1.0"', "ETag": '"1"', "CDN-Cache-Control": "max-age=600"}


@pytest.fixture
def origins() -> Iterator[list[Origin]]:
    """Two application servers, which a test may stop."""
    with ExitStack() as running:
        yield [running.enter_context(Origin()) for _ in range(2)]


@pytest.fixture
def balanced(state_folder: Path, origins: list[Origin]) -> Iterator[Varnish]:
    """A Varnish before both, which asks them often how they are."""
    options = {"probe_seconds": "0.2"}
    addresses = [origin.address for origin in origins]
    with Varnish(state_folder, addresses, SECRET, name="balanced", options=dict(options)) as server:
        yield server


def counted(server: Varnish, origins: list[Origin], site: str) -> list[int]:
    """Ten visitors of pages that are not stored: how many each application server has answered, if all were."""
    for origin in origins:
        origin.requests.clear()
    answers = [visit(server, f"{site}/private/", {"Authorization": "Bearer x"}).status for _ in range(10)]
    return [len(origin.seen("GET")) for origin in origins] if set(answers) == {200} else []


def test_the_application_servers_take_turns_and_one_that_died_gets_no_visitors(
    balanced: Varnish, origins: list[Origin], site: str
) -> None:
    wait_for(lambda: counted(balanced, origins, site) == [5, 5], 10, "both to take turns")
    origins[0].stop()
    wait_for(lambda: counted(balanced, origins, site) == [0, 10], 10, "the other to answer everybody")


def test_an_expired_copy_is_shown_while_no_application_server_answers(
    balanced: Varnish, origins: list[Origin], site: str
) -> None:
    for origin in origins:
        origin.pages["/a/"].headers["Cache-Control"] = "public, s-maxage=1"
    warm(balanced, f"{site}/a/")
    for origin in origins:
        origin.stop()
    wait_for(lambda: visit(balanced, f"{site}/unknown/").status == 503, 10, "Varnish to know")
    answer = wait_for(lambda: expired(balanced, f"{site}/a/"), 10, "the copy to expire")
    assert answer == (200, "version 1", "HIT")


class WithoutGrace(BrokenVarnish):
    """As if ten seconds more were over."""

    changes = {"set req.grace = 10s;": "set req.grace = 0s;"}


@pytest.fixture
def unprobed(state_folder: Path, origins: list[Origin]) -> Iterator[Varnish]:
    """A Varnish that asks nobody how he is."""
    addresses = [origin.address for origin in origins]
    with WithoutGrace(state_folder, addresses, SECRET, name="unprobed", options={"probe_path": ""}) as server:
        yield server


def test_without_a_probe_too_an_expired_copy_is_shown_while_no_application_server_answers(
    unprobed: Varnish, origins: list[Origin], site: str
) -> None:
    for origin in origins:
        origin.pages["/a/"].headers["Cache-Control"] = "public, s-maxage=1"
    warm(unprobed, f"{site}/a/")
    for origin in origins:
        origin.stop()
    answer = wait_for(lambda: expired(unprobed, f"{site}/a/"), 10, "the copy to expire")
    assert answer == (200, "version 1", "HIT")
    assert visit(unprobed, f"{site}/unknown/").status == 503


class Slammer(ThreadingTCPServer):
    """An application server that hears every request, and answers none."""

    allow_reuse_address = daemon_threads = True

    def __init__(self) -> None:
        heard: list[str] = []

        class Slam(StreamRequestHandler):
            def handle(self) -> None:
                heard.append(self.rfile.readline().decode().partition(" ")[0])

        super().__init__(("127.0.0.1", 0), Slam)
        self.heard = heard


def test_without_a_probe_a_failed_form_is_not_sent_twice(state_folder: Path, site: str) -> None:
    with Slammer() as slammer:
        Thread(target=slammer.serve_forever).start()
        backend = f"127.0.0.1:{slammer.server_address[1]}"
        try:
            with Varnish(state_folder, [backend], SECRET, name="slammed", options={"probe_path": ""}) as server:
                assert visit(server, f"{site}/a/", method="POST").status == 503
                assert visit(server, f"{site}/a/", {"Cookie": "sessionid=1"}, "GET").status == 503
                assert slammer.heard == ["POST", "GET"]
        finally:
            slammer.shutdown()


def expired(server: Varnish, url: str) -> tuple[int, str, str] | None:
    """Nothing as long as the copy is fresh."""
    answer = visit(server, url)
    old = answer.headers.get("X-Accel-Expires") == "0"
    return (answer.status, answer.text, answer.headers["X-Cache"]) if old else None


def test_an_error_is_told_to_be_short_and_is_not_kept(balanced: Varnish, origins: list[Origin], site: str) -> None:
    for origin in origins:
        origin.pages["/a/"].status = 500
    assert visit(balanced, f"{site}/a/").status == 500
    for origin in origins:
        origin.pages["/a/"].status = 200
    assert visit(balanced, f"{site}/a/").status == 200
    for origin in origins:
        origin.stop()
    answer = wait_for(lambda: unavailable(balanced, f"{site}/b/"), 10, "Varnish to know")
    assert (answer["Cache-Control"], answer["Retry-After"]) == ("no-store", "5")


def unavailable(server: Varnish, url: str) -> dict[str, str]:
    answer = visit(server, url)
    return dict(answer.headers) if answer.status == 503 else {}


def test_a_page_that_nobody_might_keep_once_is_kept_the_next_time(
    varnish_server: Varnish, origin: Origin, site: str
) -> None:
    """So is a page sent that was purged while it rendered."""
    kept = dict(origin.pages["/a/"].headers)
    origin.pages["/a/"].headers = {"Cache-Control": "no-store"}
    assert visit(varnish_server, f"{site}/a/").headers["X-Cache"] == "PASS"
    origin.pages["/a/"].headers = kept
    assert [visit(varnish_server, f"{site}/a/").headers["X-Cache"] for _ in range(2)] == ["MISS", "HIT"]


@pytest.fixture
def composed(origin: Origin, monkeypatch: pytest.MonkeyPatch) -> Origin:
    """An application whose page /page/ includes /fragment/, which says its version."""
    version = origin.body

    def body(page: object, headers: dict[str, str]) -> str:
        included = '<p>before</p><esi:include src="/fragment/"/><p>after</p>'
        return included if page is origin.pages["/page/"] else version(page, headers)  # type: ignore[arg-type]

    monkeypatch.setattr(origin, "body", body)
    origin.pages["/page/"].headers = {**ESI, "Content-Type": "text/html"}
    return origin


def whole(server: Varnish, url: str, **headers: str) -> requests.Response:
    """A page that comes in pieces, read to its end."""
    location = Location.of(url)
    return requests.get(server.url + location.target, headers={**location.headers, **headers}, timeout=10)


def test_a_fragment_is_included_and_purged_by_itself(varnish_server: Varnish, composed: Origin, site: str) -> None:
    warm(varnish_server, f"{site}/page/")
    assert whole(varnish_server, f"{site}/page/").text == "<p>before</p>version 1<p>after</p>"
    composed.change("/fragment/")
    Provider("varnish", varnish_server.url, {"SECRET": SECRET}).purge_urls([f"{site}/fragment/"])
    answer = whole(varnish_server, f"{site}/page/")
    assert answer.headers["X-Cache"] == "HIT"
    assert answer.text == "<p>before</p>version 2<p>after</p>"
    assert [request.target for request in composed.seen("GET")] == ["/page/", "/fragment/", "/fragment/"]


def test_nothing_outside_keeps_a_composed_page_which_a_purge_of_its_fragment_does_not_reach(
    state_folder: Path, varnish_server: Varnish, composed: Origin, site: str
) -> None:
    answer = warm(varnish_server, f"{site}/page/")
    assert (answer.headers["Cache-Control"], answer.headers["X-Accel-Expires"]) == ("private, no-cache", "0")
    assert not {"ETag", "Last-Modified", "Surrogate-Control", "CDN-Cache-Control"} & set(answer.headers)
    with Nginx(state_folder, [f"127.0.0.1:{varnish_server.port}"], SECRET, name="outside-esi") as outer:
        statuses = [visit(outer, f"{site}/page/").headers["X-Cache-Status"] for _ in range(3)]
    assert "HIT" not in statuses


def test_a_private_page_stays_as_private_when_it_is_composed(
    varnish_server: Varnish, composed: Origin, site: str
) -> None:
    composed.pages["/page/"].headers["Cache-Control"] = "private, no-store"
    answer = whole(varnish_server, f"{site}/page/", Cookie="sessionid=x")
    assert "version 1" in answer.text
    assert answer.headers["Cache-Control"] == "private, no-store"

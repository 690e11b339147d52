"""A save in a request of a real server is purged from a real Varnish, whatever server that is, and however it ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from deploy.local import Redis, ServiceFailed, Varnish, free_port, wait_for
from tests.adoption.servers import COMMANDS, POSTS, Site
from tests.fixtures.servers import SECRET

pytestmark = [pytest.mark.takes(60), pytest.mark.timeout(300)]

#: In which view, and behind which server.
WAYS = [*(("save", server) for server in COMMANDS), ("asave", "uvicorn")]
#: Of whoever saves while the broker is frozen: the announcer alone waits for it.
BOUND_SECONDS = 2.0
#: The broker stands still for so long after a server was asked to end: longer than uvicorn takes for that.
HELD_SECONDS = 1.5


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Its database, both Redis and Varnish; no process of its own."""
    folder, port = tmp_path_factory.mktemp("served"), free_port()
    with (
        Redis(folder) as redis,
        Redis(folder, name="broker") as broker,
        Varnish(folder, [f"127.0.0.1:{port}"], SECRET) as varnish,
    ):
        made = Site(folder, redis, broker, port, varnish)
        made.fill()
        yield made
        broker.thaw()


@pytest.mark.parametrize(("how", "server"), WAYS)
def test_what_a_request_saves_it_reads_and_visitors_see(site: Site, how: str, server: str) -> None:
    title = f"{how} {server}"
    with site.server(server), site.worker():
        before = wait_for(lambda: site.shown(1), 30, "Varnish to show the post")
        assert before != title
        assert site.save(1, title, how=how) == title
        wait_for(lambda: site.shown(1) == title, 30, "Varnish to show its new title")


@pytest.mark.parametrize("server", COMMANDS)
def test_many_requests_at_once_each_read_their_own(site: Site, server: str) -> None:
    with site.server(server), ThreadPoolExecutor(POSTS) as crowd:
        titles = [f"{server} {pk}" for pk in range(1, POSTS + 1)]
        assert list(crowd.map(site.save, range(1, POSTS + 1), titles)) == titles


@pytest.mark.parametrize("server", COMMANDS)
def test_with_the_broker_frozen_no_request_waits(site: Site, server: str) -> None:
    with site.server(server):
        site.save(1, "before")
        site.broker.freeze()
        try:
            for number in range(3):
                began = time.monotonic()
                site.save(1, f"frozen {number}")
                assert time.monotonic() - began < BOUND_SECONDS
        finally:
            site.broker.thaw()


@pytest.mark.parametrize("server", COMMANDS)
def test_a_server_that_is_asked_to_end_after_its_first_save_announces_it(site: Site, server: str) -> None:
    before = site.announced()
    with site.server(server) as service:
        site.broker.freeze()
        try:
            site.save(1, f"the last of {server}")
            service.dismiss()
            with suppress(ServiceFailed):
                wait_for(lambda: not service.running, HELD_SECONDS, f"{server} to end")
        finally:
            site.broker.thaw()
        wait_for(lambda: not service.running, 30, f"{server} to end")
    assert site.announced() == before + 1

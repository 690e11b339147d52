"""What a worker leaves free while nodes are slow."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest
from celery.signals import worker_process_init
from pytest_celery import CeleryTestSetup

from deploy.local.processes import wait_for
from invalidation.contrib.celery.consuming.slots import Slots, slots
from invalidation.targets.values import CachePlace
from tests.integration.workers.nodes import LocalRedis
from tests.integration.workers.site import Site


def test_one_node_has_half_of_the_slots_at_most_and_takedowns_find_some_free() -> None:
    eight = Slots(size=8)
    with ExitStack() as held:
        taken = [held.enter_context(eight.asked(CachePlace("varnish", "slow"), "editorial")) for _ in range(5)]
        assert taken == [True] * 4 + [False]
        assert not held.enter_context(eight.asked(CachePlace("varnish", "slow"), "takedown"))
        others = [held.enter_context(eight.asked(CachePlace("nginx", "slow"), "editorial")) for _ in range(3)]
        assert others == [True, True, False]
        assert held.enter_context(eight.asked(CachePlace("nginx", "fine"), "takedown"))
    assert eight.held.total() == 0


def test_a_worker_of_unknown_size_refuses_nothing() -> None:
    unknown = Slots()
    with ExitStack() as held:
        assert all(held.enter_context(unknown.asked(CachePlace("varnish", ""), "bulk")) for _ in range(100))


def test_a_process_that_runs_one_task_at_a_time_keeps_nothing_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its worker's concurrency, which it inherits, is that of all its processes."""
    monkeypatch.setattr(slots, "size", 2)
    worker_process_init.send(sender=None)
    with ExitStack() as held:
        assert all(held.enter_context(slots.asked(CachePlace("varnish", ""), "bulk")) for _ in range(3))


ORDINARY = """
import invalidation
for number in range(12):
    invalidation.invalidate(urls=[f"/ordinary/{number}/"])
"""
PROOF = b"HTTP/1.1 200 Purged\r\nX-Purged-By: varnish\r\nX-Purge-Count: 1\r\nContent-Length: 0\r\n\r\n"


class Varnish:
    """Proves every purge, or drips one byte a second and never ends."""

    def __init__(self, *, drips: bool) -> None:
        self.drips = drips
        self.purged: list[bytes] = []
        self.asked = self.ended = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        left = b""
        with suppress(OSError), connection:
            while received := connection.recv(65536):
                left += received
                while b"\r\n\r\n" in left:
                    request, _, left = left.partition(b"\r\n\r\n")
                    self._answer(connection, request)

    def _answer(self, connection: socket.socket, request: bytes) -> None:
        self.asked += 1
        if not self.drips:
            self.purged.append(request.split(b" ")[1])
            connection.sendall(PROOF)
            return
        try:
            connection.sendall(b"HTTP/1.1 200 Purged\r\nX-Drip: ")
            while True:
                connection.sendall(b"x")
                time.sleep(1)  # how slowly this node answers is what the test is about
        finally:
            self.ended += 1

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def nodes() -> Iterator[tuple[Varnish, Varnish]]:
    """A dripping and a good one."""
    both = Varnish(drips=True), Varnish(drips=False)
    yield both
    for node in both:
        node.close()


@pytest.fixture
def site(database_copy: str, default_redis_broker: LocalRedis, nodes: tuple[Varnish, Varnish]) -> Site:
    """The reference site with those two."""
    return Site(
        {
            "DJANGO_SETTINGS_MODULE": "tests.integration.workers.dripping",
            "DATABASE_URL": database_copy,
            "REDIS_URL": default_redis_broker.url.removesuffix("/0"),
            "SITE_URLS": "http://blog.localhost",
            "VARNISH_NODES": ",".join(node.url for node in nodes),
            "PURGE_SECRET": "secret",
        }
    )


@pytest.mark.timeout(120)
def test_behind_a_dripping_node_a_takedown_is_purged_elsewhere_before_any_call_to_that_node_has_ended(
    celery_setup: CeleryTestSetup, site: Site, nodes: tuple[Varnish, Varnish]
) -> None:
    dripping, good = nodes
    site.manage("shell", "--no-imports", "--command", ORDINARY)
    wait_for(lambda: len({*good.purged}) >= 12, 40, "the ordinary purges at the good node")
    assert dripping.asked
    site.purge("--url", "/illegal/", "--lane", "takedown", wait_seconds=0)
    wait_for(lambda: b"/illegal/" in good.purged, 40, "the takedown at the good node")
    assert dripping.ended == 0

"""Visitors of the site under fault: some change things over HTTP, one reads pages through the real proxies."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from dataclasses import dataclass
from itertools import count
from typing import Self
from urllib.parse import quote

import requests
from django.db import Error as DatabaseError
from django.db import close_old_connections

from invalidation.exceptions import TransientError
from invalidation.providers.http import Location, Node
from tests.chaos.changes import choose
from tests.chaos.journal import now
from tests.chaos.judge import pages
from tests.chaos.site import SITE
from tests.chaos.world import World

CLIENTS = 2
READS_PER_SECOND = 8.0
#: How often the reader learns new addresses.
READS_PER_LOOK = 4
TIMEOUT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Request:
    """One change over HTTP, as its client saw it."""

    started_at: float
    """Seconds since 1970."""
    seconds: float
    status: int
    """0 where there was no answer at all."""


class Traffic:
    """Threads that run until the block is left."""

    def __init__(self, world: World, per_second: float) -> None:
        self.world = world
        self.pause_seconds = CLIENTS / per_second
        self.requests: list[Request] = []
        self._stop = threading.Event()
        self._changing = threading.Event()
        clients = [threading.Thread(target=self._change, args=(number,)) for number in range(CLIENTS)]
        self._threads = [*clients, threading.Thread(target=self._read)]

    def __enter__(self) -> Self:
        self._changing.set()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def only_read(self) -> None:
        """No more changes; whoever is at one finishes it."""
        self._changing.clear()
        for thread in self._threads[:-1]:
            thread.join()

    def _change(self, client: int) -> None:
        chance = random.Random(f"{self.world.seed}-client-{client}")
        number = 0
        while self._changing.is_set() and not self._stop.is_set():
            number += 1
            address = f"{self.world.place.web_url}/change/client-{client}-{number}/{quote(choose(chance))}/"
            started_at, started = now(), time.monotonic()
            status = _posted(address)
            self.requests.append(Request(started_at, time.monotonic() - started, status))
            self._stop.wait(max(0.0, self.pause_seconds - (time.monotonic() - started)))

    def _read(self) -> None:
        """Keep the proxies filled with the pages as they are now."""
        chance = random.Random(f"{self.world.seed}-reader")
        addresses: list[str] = []
        for number in count():
            if self._stop.wait(1 / READS_PER_SECOND):
                return
            with contextlib.suppress(TransientError, DatabaseError):
                if number % READS_PER_LOOK == 0:
                    close_old_connections()
                    addresses = sorted(pages())
                page(self.world.place.nginx.url, chance.choice(addresses))


def _posted(address: str) -> int:
    try:
        return requests.post(address, timeout=TIMEOUT_SECONDS).status_code
    except requests.RequestException:
        return 0


def page(node: str, path: str) -> str:
    """The page of a thing as this proxy serves it.

    Raises:
        TransientError: it doesn't answer.
    """
    location = Location.of(f"{SITE}{path}")
    answer = Node("visitor", node, timeout_seconds=2).send("GET", location.target, location.headers)
    return answer.text if answer.status == requests.codes.ok else f"status {answer.status}"

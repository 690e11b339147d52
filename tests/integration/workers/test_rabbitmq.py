"""RabbitMQ as the broker: what a save becomes, what overtakes what, and what is waited for while it is away."""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection

from deploy.local import RabbitMQ, Redis, Service, wait_for
from invalidation.contrib.celery.queues import EVENTS, queues
from tests.integration.workers import processes
from tests.integration.workers.site import ROOT, Site

#: A busy machine takes its time over starting Erlang, and over commands that ask how things are.
START_SECONDS, RECOVERY_SECONDS = 180, 150
pytestmark = [pytest.mark.takes(60), pytest.mark.timeout(2 * START_SECONDS)]

#: A save that meets a broker which is away; the announcer has half a second to connect and for each answer.
BOUND_SECONDS = 1.0


@pytest.fixture(scope="module")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    """One for the whole file: it takes seconds to start."""
    with RabbitMQ(tmp_path_factory.mktemp("rabbitmq")).start(START_SECONDS) as server:
        yield server


@pytest.fixture
def broker(rabbitmq: RabbitMQ) -> Iterator[Connection]:
    """A connection to it, without the queues of the test before."""
    with Connection(rabbitmq.url) as connection:
        for queue in queues():
            with connection.channel() as channel:
                queue.bind(channel).delete()
        yield connection


@pytest.fixture
def site(database_copy: str, own_redis: Redis, broker: Connection, rabbitmq: RabbitMQ) -> Site:
    """The reference site, whose messages go over RabbitMQ."""
    return Site({**Site.without_proxies(database_copy, own_redis).environment, "CELERY_BROKER_URL": rabbitmq.url})


@pytest.fixture
def worker(site: Site, tmp_path: Path) -> Iterator[Service]:
    """One of that site, without beat."""
    with processes.worker(site, tmp_path, "-l", "INFO") as service:
        yield service
        service.kill()


def status(site: Site, event: str) -> str:
    return str(json.loads(site.manage("invalidation_status", event, "--format", "json").stdout)["status"])


def test_a_save_is_announced_delivered_and_proved(site: Site, worker: Service) -> None:
    document = site.purge("--key", "greeting", wait_seconds=20)
    assert document["status"] == "done"
    assert [(row["tier"], row["status"]) for row in document["deliveries"]] == [("cache", "purged")]


SEND = """
from celery.signals import after_task_publish
from invalidation.contrib.celery.announcing.announcer import Word
from invalidation.contrib.celery.announcing.messages import send_word
tell = lambda headers, **_: print(headers["id"])
after_task_publish.connect(tell)
for number in range(500):
    send_word(Word("default", (), "bulk", "b"))
send_word(Word("default", (), "takedown", "t"))
"""


def test_a_takedown_behind_500_bulk_messages_is_served_first(site: Site, tmp_path: Path) -> None:
    sent = site.manage("shell", "--verbosity", "0", "-c", SEND).stdout.split()
    assert len(sent) == 501
    with processes.worker(site, tmp_path, "-l", "INFO") as worker:

        def received() -> list[str]:
            return re.findall(r"Task invalidation\.drain\[(.+?)\] received", worker.log.read_text())

        assert wait_for(received, 20, "the first message to be received")[0] == sent[-1]
        worker.kill()


#: Saves twice, the second time once it is told to; says how long each took, whether the announcer came to an end, and
#: whether the broker took the message.
SAVE = """
import time
import django
django.setup()
import invalidation
from invalidation.contrib.celery.announcing import announce, messages

def save(key):
    began = time.monotonic()
    event = invalidation.invalidate(keys=[key])
    took = time.monotonic() - began
    settled = announce.process.announcer.flush(10)
    return event.uid, took, settled, messages.pause.over

print(*save("one"), flush=True)
if input() == "go on":
    print(*save("two"), flush=True)
"""


class Saver:
    """A process of the site that saves, and then waits to be told to save once more."""

    def __init__(self, site: Site) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", SAVE],
            cwd=ROOT,
            env={**os.environ, **site.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def saved(self, *, announced: bool) -> str:
        """The event of its newest save, which waited for nobody."""
        assert self._process.stdout
        event, took, settled, sent = self._process.stdout.readline().split()
        assert float(took) < BOUND_SECONDS
        assert settled == "True", "the announcer still waits for the broker"
        assert sent == str(announced)
        return event

    def go_on(self) -> None:
        """Let it save again."""
        assert self._process.stdin
        self._process.stdin.write("go on\n")
        self._process.stdin.flush()

    def end(self) -> None:
        """Whatever it is doing."""
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def saver(site: Site) -> Iterator[Callable[[], Saver]]:
    """Makes them, and ends them."""
    made: list[Saver] = []

    def make() -> Saver:
        made.append(Saver(site))
        return made[-1]

    yield make
    for one in made:
        one.end()


def test_a_save_while_the_broker_is_away_waits_for_nobody_and_the_sweep_finds_it(
    site: Site, rabbitmq: RabbitMQ, worker: Service, saver: Callable[[], Saver], tmp_path: Path
) -> None:
    """And the first one once it is back is announced, though the connection from before is dead."""
    with processes.beat(site, tmp_path):
        connected = saver()
        events = [connected.saved(announced=True)]
        rabbitmq.stop()
        try:
            events.append(saver().saved(announced=False))
        finally:
            rabbitmq.start(START_SECONDS)
        connected.go_on()
        events.append(connected.saved(announced=True))
        wait_for(
            lambda: {status(site, event) for event in events} == {"done"}, RECOVERY_SECONDS, "the sweep to find them"
        )


def test_a_broker_that_is_frozen_holds_no_save_and_no_announcer(
    rabbitmq: RabbitMQ, broker: Connection, saver: Callable[[], Saver]
) -> None:
    connected = saver()
    connected.saved(announced=True)
    rabbitmq.freeze()
    try:
        connected.go_on()
        connected.saved(announced=False)
        saver().saved(announced=False)
    finally:
        rabbitmq.thaw()


def test_the_doctor_says_that_nobody_works_before_there_is_any_queue(site: Site) -> None:
    told = json.loads(site.manage("invalidation_doctor", "--format", "json", check=False).stdout)
    found = {finding["code"] for finding in told["findings"]}
    assert "no-worker" in found
    assert "broker-away" not in found


GARBAGE: dict[str, tuple[bytes, dict[str, Any]]] = {
    "no_json": (b"}{", {"content_type": "application/json", "headers": {"task": "invalidation.drain", "id": "x"}}),
    "no_task": (b"[[], {}, {}]", {"content_type": "application/json"}),
    "pickle": (
        pickle.dumps([[], {}, {}]),
        {"content_type": "application/x-python-serialize", "headers": {"task": "invalidation.drain", "id": "y"}},
    ),
    "nothing": (b"", {}),
}


def test_a_worker_outlives_garbage_on_its_queues(site: Site, worker: Service, broker: Connection) -> None:
    process = worker.pid
    opened: Any = broker.channel()
    with opened as channel:
        for body, properties in GARBAGE.values():
            message = channel.prepare_message(body, **properties)
            channel.basic_publish(message, exchange="", routing_key=EVENTS)
    assert site.purge("--key", "greeting", wait_seconds=20)["status"] == "done"
    assert worker.pid == process
    assert "Unrecoverable" not in worker.log.read_text()

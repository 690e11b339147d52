"""Workers and beat as real processes, and what the doctor says where one is missing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from socket import gethostname
from typing import Self

import pytest
from redis import Redis as Client

from deploy.local import Redis, wait_for
from invalidation.contrib.celery import health
from tests.integration.workers.processes import beat, worker
from tests.integration.workers.site import ROOT, Site

#: Half a dozen processes start here, one after the other.
pytestmark = [pytest.mark.timeout(300), pytest.mark.takes(34)]


@pytest.fixture
def site(database_copy: str, own_redis: Redis) -> Site:
    return Site.without_proxies(database_copy, own_redis)


def found(site: Site) -> list[tuple[str, str]]:
    """Codes, and the queues that they are about."""
    asked = site.manage("invalidation_doctor", "--format", "json", check=False)
    assert asked.stdout, asked.stderr
    document = json.loads(asked.stdout)
    assert asked.returncode == (0 if document["sound"] else 1)
    return [(finding["code"], finding["node"]) for finding in document["findings"]]


def test_worker_and_beat_are_sound_and_each_that_is_missing_is_named(site: Site, tmp_path: Path) -> None:
    assert found(site) == [("no-worker", ""), ("beat-silent", "")]
    with ExitStack() as running:
        consuming, beating = worker(site, tmp_path, "-Q", "invalidation.events"), beat(site, tmp_path)
        for service in (consuming, beating):
            running.enter_context(service.launch())
        for service in (consuming, beating):
            service.wait_until_ready()
        assert found(site) == [("queue-not-consumed", "invalidation.deliver.cache")]
        running.enter_context(worker(site, tmp_path, "-n", "second@%h"))
        assert found(site) == []
        seen = "Task invalidation.canary"
        wait_for(lambda: seen in consuming.log.read_text(), 20, "the examination at the worker's start")


@pytest.mark.parametrize("pool", ["prefork", "solo"])
def test_a_worker_whose_processes_run_one_task_each_is_named_and_works_all_the_same(
    site: Site, tmp_path: Path, pool: str
) -> None:
    with worker(site, tmp_path, "--pool", pool, "-n", "lone@%h"):
        lone = f"lone@{gethostname()}"
        assert found(site) == [("worker-pool", lone), ("beat-silent", "")]
        assert site.purge("--key", "greeting", wait_seconds=20)["status"] == "done"


def test_only_a_pool_of_several_tasks_in_a_process_is_sound() -> None:
    threads = {"implementation": "celery.concurrency.thread:TaskPool", "max-concurrency": 8, "threads": 0}
    prefork = {"implementation": "celery.concurrency.prefork:TaskPool", "max-concurrency": 8, "processes": [1, 2]}
    pools = {"a": threads, "b": prefork, "c": threads | {"max-concurrency": 1}}
    assert [(finding.node, finding.detail) for finding in health.lone(pools)] == [
        ("b", "Its pool is prefork."),
        ("c", "Its pool is thread."),
    ]


def test_a_worker_that_is_short_of_processor_is_not_absent(site: Site, own_redis: Redis, tmp_path: Path) -> None:
    """It answers only when it was asked a second time."""
    broker = Client.from_url(own_redis.url(), decode_responses=True)

    def questions() -> int:
        return int(broker.info("commandstats").get("cmdstat_publish", {}).get("calls", 0))

    with worker(site, tmp_path) as busy, ThreadPoolExecutor(1) as doctors:
        # It subscribes to questions after it has said that it is ready.
        wait_for(broker.pubsub_numpat, 60, "the worker to listen")
        busy.freeze()
        before = questions()
        answer = doctors.submit(found, site)
        wait_for(lambda: questions() >= before + 2, 60, "the doctor to ask again")
        busy.thaw()
        assert answer.result() == [("beat-silent", "")]


class Canary:
    """A process that runs the task whenever it is asked to, as a worker does."""

    def __init__(self, site: Site) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.doctor.canary"],
            cwd=ROOT,
            env={**os.environ, **site.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            bufsize=1,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def sing(self) -> tuple[str, list[str]]:
        """What the task answered, and what was logged meanwhile."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("\n")
        logged: list[str] = []
        for line in self.process.stdout:
            if line.startswith("told: "):
                return line.removeprefix("told: ").strip(), logged
            logged.append(line)
        raise AssertionError("".join(logged))


def test_the_canary_names_a_redis_that_is_stopped_and_is_well_once_it_is_back(site: Site, own_redis: Redis) -> None:
    with Canary(site) as canary:
        assert canary.sing()[0] == "no-worker; beat-silent"
        own_redis.stop()
        told, logged = canary.sing()
        assert told == "redis-away; broker-away"
        for words in (
            "The Redis of the sequence does not answer.",
            f"The broker does not answer. redis://:**@127.0.0.1:{own_redis.port}/0: ConnectionError.",
        ):
            assert len([line for line in logged if words in line]) == 1, logged
        own_redis.start()
        assert canary.sing()[0] == "no-worker; beat-silent"


def test_a_broker_that_is_away_is_named(site: Site) -> None:
    away = Site({**site.environment, "CELERY_BROKER_URL": "redis://127.0.0.1:9/0"})
    assert ("broker-away", "") in found(away)

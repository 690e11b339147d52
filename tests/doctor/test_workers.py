"""Workers and beat as real processes, and what the doctor says where one is missing."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from deploy.local import Redis, Service, wait_for
from tests.workers.site import ROOT, Site

#: Half a dozen processes start here, one after the other.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """The reference site with a Redis of its own and no proxies."""
    with Redis(tmp_path) as redis:
        environment = {
            "DJANGO_SETTINGS_MODULE": "project.settings.test",
            "DATABASE_URL": f"sqlite:///{tmp_path / 'site.sqlite3'}",
            "REDIS_URL": redis.url().removesuffix("/0"),
            "SITE_URLS": "http://blog.localhost",
        }
        site = Site(environment)
        site.manage("migrate", "--verbosity", "0")
        yield site


def celery(site: Site, folder: Path, *arguments: str, says: str) -> Service:
    """A process of Celery that is ready once it says so."""
    command = [sys.executable, "-m", "celery", "-A", "project", *arguments]
    service = Service(
        f"{arguments[0]}-{len(list(folder.glob('*.log')))}",
        folder,
        command,
        environment=site.environment,
        working_folder=ROOT,
        ready=lambda: says in service.log.read_text(errors="replace"),
    )
    return service


def worker(site: Site, folder: Path, *arguments: str) -> Service:
    return celery(site, folder, "worker", "--pool", "threads", "-c", "2", *arguments, says=" ready.")


def beat(site: Site, folder: Path) -> Service:
    schedule = str(folder / "schedule")
    return celery(
        site, folder, "beat", "--schedule", schedule, "--pidfile", "", says="Sending due task invalidation sweep"
    )


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
        consuming = running.enter_context(worker(site, tmp_path, "-Q", "invalidation.events"))
        running.enter_context(beat(site, tmp_path))
        assert found(site) == [("queue-not-consumed", "invalidation.deliver.cache")]
        running.enter_context(worker(site, tmp_path, "-n", "second@%h"))
        assert found(site) == []
        seen = "Task invalidation.canary"
        wait_for(lambda: seen in consuming.log.read_text(), 20, "the examination at the worker's start")


def test_a_broker_that_is_away_is_named(site: Site) -> None:
    away = Site({**site.environment, "CELERY_BROKER_URL": "redis://127.0.0.1:9/0"})
    assert ("broker-away", "") in found(away)

"""What systemd, a container and Prometheus ask of workers: does somebody work, and what has this one counted."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from deploy.local import Redis, free_port
from tests.integration.workers.processes import beat, worker
from tests.integration.workers.site import ROOT, Site

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def site(database_copy: str, own_redis: Redis) -> Site:
    return Site.without_proxies(database_copy, own_redis)


def probe(site: Site) -> tuple[int, str]:
    """Its exit code and what it says."""
    command = [sys.executable, "-m", "workers.health"]
    place = {**os.environ, **site.environment}
    ended = subprocess.run(command, cwd=ROOT, env=place, capture_output=True, text=True, check=False, timeout=60)
    return ended.returncode, ended.stderr


def test_the_probe_says_why_nobody_works_and_is_content_once_worker_and_beat_do(site: Site, tmp_path: Path) -> None:
    code, said = probe(site)
    assert code == 1
    assert "No worker answers" in said
    assert "Beat" in said
    with ExitStack() as running:
        for service in (worker(site, tmp_path, "--pool", "prefork"), beat(site, tmp_path)):
            running.enter_context(service)
        assert probe(site) == (0, "")


def test_a_worker_serves_what_it_counted_where_it_is_told_to(site: Site, tmp_path: Path) -> None:
    port = str(free_port())
    with worker(replace(site, environment={**site.environment, "WORKER_METRICS_PORT": port}), tmp_path):
        site.purge("--key", "a", wait_seconds=30)
        told = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10).text
    assert 'invalidation_commit_to_purged_seconds_count{tier="cache"} 1.0' in told
    assert 'invalidation_batches_total{lane="editorial",status="done"} 1.0' in told

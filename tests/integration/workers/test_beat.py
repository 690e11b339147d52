"""Beat sends what is due, the host's entries too, whatever the database that it asks for housekeeping does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.postgres import Postgres
from tests.integration.workers.site import ROOT

#: Connects, says so, waits to be told that the server is frozen, and asks again.
ASK = """
import django
django.setup()
from celery import current_app
current_app.conf.broker_url = "memory://"
from invalidation.contrib.celery import tasks
print("nothing due" if tasks.rebound.apply_async() is None else "sent", flush=True)
input()
for task in (tasks.rebound, tasks.fire):
    print(task.apply_async() is not None, flush=True)
"""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Postgres]:
    """One that may be frozen."""
    with Postgres(tmp_path) as postgres:
        yield postgres


def test_a_database_that_freezes_does_not_hold_up_beat(cluster: Postgres) -> None:
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "project.settings.test",
        "DATABASE_URL": cluster.create_database("site"),
        "SITE_URLS": "http://blog.localhost",
    }
    migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0", "--skip-checks"]
    subprocess.run(migrate, cwd=ROOT, env=environment, check=True)
    beat = subprocess.Popen(
        [sys.executable, "-c", ASK],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert beat.stdout
    assert beat.stdout.readline() == "nothing due\n"
    cluster.freeze()
    try:
        answered, _ = beat.communicate("\n", timeout=30)
    finally:
        cluster.thaw()
        beat.kill()
    assert answered == "True\nTrue\n"

"""Several worker processes over one outbox: each event is claimed once, none is left, nobody fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local import Postgres

pytestmark = pytest.mark.takes(30)

ROOT = Path(__file__).resolve().parents[3]
EVENTS = 600
STORE = f"""
from invalidation.models import Event
Event.objects.bulk_create(Event(source="code", targets={{"urls": [f"/{{n}}/"]}}) for n in range({EVENTS}))
"""
REPORT = """
from collections import Counter
from invalidation.models import Batch, Delivery, Event
print(Event.objects.exclude(status="done").count(), Batch.objects.exclude(status="done").count(),
      sum(Batch.objects.values_list("event_count", flat=True)), Delivery.objects.exclude(attempts=1).count())
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Of a database with every table."""
    if request.param == "sqlite":
        copied: str = request.getfixturevalue("database_copy")
        return copied
    server: Postgres = request.getfixturevalue("postgres_server")
    created = server.create_database("contention")
    answer(start(created, "manage.py", "migrate", "--verbosity=0"))
    return created


def start(database_url: str, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "DATABASE_URL": database_url, "DJANGO_SETTINGS_MODULE": "project.settings.test"}
    command = [sys.executable, *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def answer(process: subprocess.Popen[str], seconds: float = 100) -> str:
    """The last line that it printed; its errors if it failed."""
    output, errors = process.communicate(timeout=seconds)
    assert process.returncode == 0, errors
    return output.strip().splitlines()[-1] if output.strip() else ""


def test_drains_at_once_claim_every_event_once(database_url: str) -> None:
    answer(start(database_url, "manage.py", "shell", "--no-imports", "--command", STORE))
    workers = [start(database_url, "-m", "tests.unit.pipeline.contender") for _ in range(3)]
    assert sum(int(answer(worker)) for worker in workers) == EVENTS
    report = answer(start(database_url, "manage.py", "shell", "--no-imports", "--command", REPORT))
    assert report.split() == ["0", "0", str(EVENTS), "0"]

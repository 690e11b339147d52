"""Instants over a real worker and beat: each fires once, soon, and after the worker was killed too (E12)."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from deploy.local import Redis, wait_for
from tests.integration.workers.processes import beat, worker
from tests.integration.workers.site import Site

pytestmark = pytest.mark.timeout(240)

#: Instants that stay pending all the time; and those that come while the test looks.
PENDING, COMING = 10_000, 100
SCHEDULE = f"""
from datetime import timedelta
from django.utils import timezone
from invalidation.models import ScheduledEvent
now = timezone.now()
made = [now + timedelta(days=1, seconds=number) for number in range({PENDING})]
made += [now + timedelta(seconds=12 + number / 10) for number in range({COMING})]
ScheduledEvent.objects.bulk_create(
    [ScheduledEvent(due_at=at, source="code", targets={{"tags": ["shop"]}}, reason=at.isoformat()) for at in made], 500
)
"""
FIRED = "SELECT reason, created_at FROM invalidation_event WHERE source = 'code'"
LEFT = "SELECT count(*) FROM invalidation_scheduledevent"


@pytest.fixture
def site(database_copy: str, own_redis: Redis) -> Site:
    return Site.without_proxies(database_copy, own_redis)


def asked(site: Site, query: str) -> list[tuple[Any, ...]]:
    """Of the site's SQLite, without a process for each question."""
    with closing(sqlite3.connect(site.environment["DATABASE_URL"].removeprefix("sqlite:///"))) as database:
        return database.execute(query).fetchall()


def late(reason: str, created_at: str) -> float:
    """Seconds from the instant that the reason names to the event; SQLite keeps UTC without saying so."""
    return (datetime.fromisoformat(f"{created_at}+00:00") - datetime.fromisoformat(reason)).total_seconds()


def test_each_fires_once_over_many_pending_and_after_a_worker_was_killed(site: Site, tmp_path: Path) -> None:
    with ExitStack() as running:
        first, beating = worker(site, tmp_path), beat(site, tmp_path)
        for service in (first, beating):
            running.enter_context(service.launch())
        for service in (first, beating):
            service.wait_until_ready()
        site.manage("shell", "-v", "0", "-c", SCHEDULE)
        wait_for(lambda: len(asked(site, FIRED)) > COMING // 4, 60, "the first instants to fire")
        first.kill()
        running.enter_context(worker(site, tmp_path, "-n", "second@%h"))
        wait_for(lambda: asked(site, LEFT) == [(PENDING,)], 90, "every instant to fire")
    fired = asked(site, FIRED)
    assert len(fired) == len({reason for reason, _ in fired}) == COMING
    assert min(late(*row) for row in fired) >= 0

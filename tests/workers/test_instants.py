"""Instants over a real worker and beat: each fires once, soon, and after the worker was killed too (E12)."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from deploy.local import Redis, wait_for
from tests.workers.processes import beat, worker
from tests.workers.site import Site

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
REPORT = """
import json
from datetime import datetime
from invalidation.models import Event, ScheduledEvent
rows = list(Event.objects.filter(source="code").values_list("reason", "created_at"))
late = [(created_at - datetime.fromisoformat(reason)).total_seconds() for reason, created_at in rows]
print(json.dumps({"reasons": [reason for reason, _ in rows], "late": late, "left": ScheduledEvent.objects.count()}))
"""


@pytest.fixture
def site(database_copy: str, own_redis: Redis) -> Site:
    return Site.without_proxies(database_copy, own_redis)


def report(site: Site) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(site.manage("shell", "-v", "0", "-c", REPORT).stdout)
    return document


def test_each_fires_once_over_many_pending_and_after_a_worker_was_killed(site: Site, tmp_path: Path) -> None:
    with ExitStack() as running:
        first, beating = worker(site, tmp_path), beat(site, tmp_path)
        for service in (first, beating):
            running.enter_context(service.launch())
        for service in (first, beating):
            service.wait_until_ready()
        site.manage("shell", "-v", "0", "-c", SCHEDULE)
        wait_for(lambda: len(report(site)["reasons"]) > COMING // 4, 60, "the first instants to fire")
        first.kill()
        running.enter_context(worker(site, tmp_path, "-n", "second@%h"))
        wait_for(lambda: report(site)["left"] == PENDING, 90, "every instant to fire")
    found = report(site)
    assert len(found["reasons"]) == len(set(found["reasons"])) == COMING
    assert min(found["late"]) >= 0

"""B13: with so many events, batches and deliveries stored: a claim, the admin's pages, a search."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

from tests.benchmarks.django_site import django_site
from tests.benchmarks.figures import Aim, Figure

if TYPE_CHECKING:
    from django.test import Client

ROWS = 1_000_000
TIMES = 7
#: Below the admin.
PAGES = {
    "events": "event/",
    "events that are done": "event/?status__exact=done",
    "batches": "batch/",
    "deliveries": "delivery/",
    "deliveries of a tier": "delivery/?tier=varnish",
    "text search in events": "event/?q=editor",
    "search in events that finds nothing": "event/?q=nobody",
    "the dashboard": "event/overview/",
    "the purge form": "event/purge/",
    "what is scheduled": "scheduledevent/",
}
LISTS = {"events": "event", "batches": "batch", "deliveries": "delivery"}
SORTED_BY = re.compile(r'href="\?o=(-?\d+)(?:\.[-.\d]+)?"')


def milliseconds(do: Callable[[], object], times: int = TIMES) -> float:
    """Median of some times, after a first one."""
    taken = []
    for _ in range(times + 1):
        started = time.perf_counter()
        do()
        taken.append(time.perf_counter() - started)
    return 1000 * statistics.median(taken[1:])


def claim_milliseconds() -> float:
    """Of claiming one pending event."""
    from invalidation.pipeline.intake.claim import claim
    from tests.benchmarks.rows import pending

    taken = []
    for _ in range(TIMES):
        pending(1, 1)
        started = time.perf_counter()
        assert claim("default")
        taken.append(time.perf_counter() - started)
    return 1000 * statistics.median(taken)


def pages() -> Iterator[tuple[str, float]]:
    """Each page of the admin, and its milliseconds."""
    from django.contrib.auth.models import User
    from django.test import Client

    client = Client()
    client.force_login(User.objects.create_superuser(f"admin{time.time_ns()}"))
    for name, path in PAGES.items():
        yield name, milliseconds(partial(_shown, client, path))
    for name, path in LISTS.items():
        columns = sorted(set(SORTED_BY.findall(_shown(client, f"{path}/"))))
        sorts = [milliseconds(partial(_shown, client, f"{path}/?o={column}")) for column in columns]
        yield f"{name}, the slowest of {len(sorts)} ways to sort them,", max(sorts)
        yield f"the page of one of the {name}", milliseconds(partial(_shown, client, f"{path}/{_one(path)}/change/"))


def _shown(client: Client, path: str) -> str:
    answer = client.get(f"/admin/invalidation/{path}")
    assert answer.status_code == HTTPStatus.OK, (path, answer.status_code)
    return answer.content.decode()


def _one(name: str) -> int:
    """The key of one in the middle."""
    from django.apps import apps

    rows = apps.get_model("invalidation", name).objects
    newest, oldest = (rows.order_by(order).values_list("pk", flat=True)[0] for order in ("-pk", "pk"))
    return int(newest + oldest) // 2


def size(rows: int) -> float:
    """Bytes on disk of one row of each table."""
    from django.db import connection

    tables = ("event", "batch", "delivery")
    parts = " + ".join(f"pg_total_relation_size('invalidation_{table}')" for table in tables)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {parts}")
        return float(cursor.fetchone()[0]) / rows


def figures(rows: int = ROWS) -> Iterator[Figure]:
    """With so many rows of each."""
    with django_site():
        from tests.benchmarks.rows import history

        history(rows)
        yield Figure("B13", "an event with a batch and a delivery of its own, with their indexes", size(rows), "bytes")
        where = f"{rows:,} events, batches and deliveries stored"
        yield Figure("B13", f"{where}: a claim", claim_milliseconds(), "ms", aim=Aim("≤", 5))
        for name, taken in pages():
            yield Figure("B13", f"{where}: {name} in the admin", taken, "ms", aim=Aim("≤", 200))

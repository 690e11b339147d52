"""Editors: threads that save posts through the ORM, and what the pipeline's own rows say of each save."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Count
from structlog.contextvars import bound_contextvars

from deploy.local.processes import ServiceFailed, wait_for
from invalidation.models import Batch, Delivery, Event, EventStatus
from project.blog.models import Post
from tests.chain.checked.judge import Write

#: Longest pause of an editor between two saves.
PAUSE_SECONDS = 0.2
SETTLE_SECONDS = 300


def number_posts(count: int) -> dict[int, str]:
    """Give the first published posts their version 1; returns their paths by key."""
    posts = list(Post.objects.filter(status=Post.Status.PUBLISHED).order_by("pk")[:count])
    for post in posts:
        save(post.pk, 1)
    return {post.pk: post.get_absolute_url() for post in posts}


def save(pk: int, version: int) -> float:
    """Commit a version of a post; returns the instant after the commit."""
    with bound_contextvars(correlation_id=f"{pk}-v{version}"):
        with transaction.atomic():
            post = Post.objects.get(pk=pk)
            post.title, post.body = f"title-{pk}-v{version}", f"body-{pk}-v{version}"
            post.save()
        return time.time()


class Editors:
    """Each has posts of their own, so that the versions of a post are committed in order."""

    def __init__(self, posts: Sequence[int], over: Callable[[], bool], count: int, seed: int) -> None:
        self.over = over
        self.committed: dict[str, float] = {}
        self.threads = [
            threading.Thread(target=self._edit, args=(posts[number::count], f"{seed} {number}"), daemon=True)
            for number in range(count)
        ]
        for thread in self.threads:
            thread.start()

    def _edit(self, posts: Sequence[int], seed: str) -> None:
        versions, dice = dict.fromkeys(posts, 1), random.Random(seed)
        while not self.over():
            pk = dice.choice(posts)
            versions[pk] += 1
            self.committed[f"{pk}-v{versions[pk]}"] = save(pk, versions[pk])
            time.sleep(dice.uniform(0, PAUSE_SECONDS))
        connection.close()

    def join(self) -> dict[str, float]:
        """Wait for their end; the instant of each commit by its correlation id."""
        for thread in self.threads:
            thread.join()
        return self.committed


def settle() -> None:
    """Wait until every purge and every rebound is over; a failure tells what was still open."""
    try:
        _settled()
    except ServiceFailed as failure:
        failure.add_note(json.dumps(open_work(), indent=2, default=str))
        raise


def _settled() -> None:
    wait_for(lambda: not _open().exists(), SETTLE_SECONDS, "every purge to end")
    due = Batch.objects.filter(rebound_at__isnull=False, rebounded_at=None)
    wait_for(lambda: not due.exists() and not _running().exists(), SETTLE_SECONDS, "every rebound to end")


def open_work() -> dict[str, Any]:
    """What is not final yet, and what holds it up."""
    deliveries = Delivery.objects.filter(batch__in=_running()).exclude(status="purged")
    shown = deliveries.order_by("id").values("tier", "delivery_pass", "status", "attempts", "available_at", "error")
    return {
        "events": list(Event.objects.values_list("status").annotate(Count("id"))),
        "deliveries": list(Delivery.objects.values_list("tier", "delivery_pass", "status").annotate(Count("id"))),
        "oldest": list(shown[:10]),
    }


def _open() -> Any:
    return Event.objects.exclude(status__in=[EventStatus.DONE, EventStatus.DEAD])


def _running() -> Any:
    return Batch.objects.filter(completed_at=None)


def purges(committed: dict[str, float]) -> list[Write]:
    """What became of each save: its batch's sequence and the instants of purge and rebound."""
    events = Event.objects.filter(correlation_id__in=committed).select_related("batch__rebound").order_by("id")
    by_post: dict[int, list[Event]] = {}
    for event in events:
        assert event.status == EventStatus.DONE, f"{event} ended as {event.status}"
        by_post.setdefault(_numbers(event)[0], []).append(event)
    return [_write(event, saves, committed) for saves in by_post.values() for event in saves]


def passed(sequence: int) -> list[str]:
    """How the batch of this sequence was purged, node by node, in seconds of the machine's clock."""
    rows = Delivery.objects.filter(batch__sequence=sequence).select_related("batch").order_by("id")
    return [
        f"{row.tier} {row.delivery_pass}: {_instant(row.started_at)} to {_instant(row.completed_at)}, "
        f"{row.leases} leases, {row.calls} calls"
        for row in rows
    ]


def _instant(at: datetime | None) -> str:
    return f"{at.timestamp():.3f}" if at else "never"


def _numbers(event: Event) -> tuple[int, int]:
    """Post and version."""
    post, _, version = event.correlation_id.partition("-v")
    return int(post), int(version)


def _write(event: Event, saves: Sequence[Event], committed: dict[str, float]) -> Write:
    assert event.batch
    assert event.completed_at
    again = event.batch.rebound.completed_at if event.batch.rebound else _done_by_later(event.batch, saves)
    post, version = _numbers(event)
    return Write(
        post=post,
        version=version,
        committed_at=committed[event.correlation_id],
        sequence=event.batch.sequence or 0,
        done_at=event.completed_at.timestamp(),
        rebounded_at=again.timestamp() if again else None,
    )


def _done_by_later(batch: Batch, saves: Sequence[Event]) -> datetime | None:
    """The end of the first batch with the same post that was claimed when the rebound was due, or later."""
    later = [save.completed_at for save in saves if _does_the_work(save, batch) and save.completed_at]
    return min(later, default=None)


def _does_the_work(save: Event, batch: Batch) -> bool:
    return bool(save.batch and batch.rebound_at and save.batch.created_at >= batch.rebound_at)

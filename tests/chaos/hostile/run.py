"""One run: an edit, hostile visitors at full rate while editors go on, the same edit again; what everything took."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import requests
from django.db import close_old_connections
from django.db.models import Sum

from deploy.local import wait_for
from deploy.local.stack import Stack
from invalidation.models import Batch, BatchStatus, Delivery, Event, EventStatus
from project.blog.models import Post
from tests.chaos.hostile.flood import Flood
from tests.chaos.hostile.sizes import BOUNDS, sizes, tables

LISTS = ("/", "/blog/", "/api/posts/", "/sitemap.xml", "/about/")
#: Between two edits, and between two looks at what everything takes.
PAUSE_SECONDS = 5.0
SETTLED_SECONDS = 300
#: An edit afterwards may cost so many times the calls of one before.
TIMES = 2


@dataclass(slots=True)
class Outcome:
    """What the run has shown."""

    seconds: float = 0.0
    answers: Counter[str] = field(default_factory=Counter)
    """To hostile requests, by status."""

    edits: int = 0
    """While they went on."""

    before: dict[str, float] = field(default_factory=dict)
    most: dict[str, float] = field(default_factory=dict)
    """Megabytes at the beginning, and the most that were seen."""

    tables: dict[str, float] = field(default_factory=dict)
    calls: tuple[int, int] = (0, 0)
    """Of one edit before and one after, its rebound included."""

    def broken(self) -> Iterator[str]:
        """Bounds that did not hold."""
        for name, bound in BOUNDS.items():
            if self.most.get(name, 0.0) > bound:
                yield f"{name} took {self.most[name]:.0f} MB, above {bound:g}"
        before, after = self.calls
        if after > TIMES * before:
            yield f"an edit costs {after} calls, and {before} before"

    def lines(self) -> Iterator[str]:
        """In words and numbers."""
        answered = ", ".join(f"{number} {status or 'none'}" for status, number in self.answers.most_common())
        yield f"hostile requests  {self.answers.total()} in {self.seconds:.0f} s; answers: {answered}"
        yield f"edits meanwhile   {self.edits}"
        yield f"calls of an edit  {self.calls[0]} before, {self.calls[1]} after; at most {TIMES} times as many"
        yield f"{'megabytes':<18}{'before':>8}{'most':>8}{'bound':>8}"
        for name, bound in BOUNDS.items():
            yield f"  {name:<16}{self.before.get(name, 0):>8.1f}{self.most.get(name, 0):>8.1f}{bound:>8g}"
        yield "tables            " + ", ".join(f"{name} {size:.1f} MB" for name, size in self.tables.items())
        yield "result            " + ("; ".join(self.broken()) or "every bound held")


def carry_out(stack: Stack, seconds: float, *, seed: int, threads: int, most: int) -> Outcome:
    """All of it, in a process that is one of the site's."""
    assert stack.nginx
    assert stack.varnish
    outcome = Outcome(before=sizes(stack))
    _edit("the first of all")  # empties caches whose pages the tag index can't know, at next to no calls
    first = _cost(stack)
    ports = [stack.nginx.port, stack.nginx.port, stack.varnish.port]
    flood = Flood(ports, urlsplit(stack.site_url).netloc, _paths(), seed=seed, threads=threads, most=most)
    with flood:
        while (left := flood.started_at + seconds - time.monotonic()) > 0 and flood.sent < most:
            _look(stack, outcome)
            _edit(f"during the flood {outcome.edits}")
            outcome.edits += 1
            time.sleep(min(left, PAUSE_SECONDS))
    outcome.seconds, outcome.answers = time.monotonic() - flood.started_at, flood.answers
    _look(stack, outcome)
    outcome.calls = first, _cost(stack)
    outcome.tables = tables()
    return outcome


def _look(stack: Stack, outcome: Outcome) -> None:
    """One that is starting again, because it was asked too much, is looked at the next time."""
    for name, size in sizes(stack).items():
        outcome.most[name] = max(size, outcome.most.get(name, 0.0))


def _paths() -> list[str]:
    posts = Post.objects.filter(status="published")[:20]
    return [*LISTS, *(post.get_absolute_url() for post in posts), *(f"/api/posts/{post.slug}/" for post in posts)]


def _cost(stack: Stack) -> int:
    """Calls of one edit and its rebound, with every page in every cache."""
    _settle()
    for path in _paths():
        requests.get(stack.site_url + path, timeout=30)
    newest = Delivery.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    _edit("looked at")
    _settle()
    return Delivery.objects.filter(pk__gt=newest).aggregate(calls=Sum("calls"))["calls"] or 0


def _edit(title: str) -> None:
    close_old_connections()
    post = Post.objects.filter(status="published").earliest("pk")
    post.title = title
    post.save()


def _settle() -> None:
    """Until every purge and its rebound have ended."""
    wait_for(_is_quiet, SETTLED_SECONDS, "every purge to end")


def _is_quiet() -> bool:
    close_old_connections()
    under_way = Event.objects.filter(status__in=(EventStatus.PENDING, EventStatus.CLAIMED)).exists()
    owed = Batch.objects.filter(rebound_at__isnull=False, rebounded_at=None).exists()
    return not (under_way or owed or Batch.objects.filter(status=BatchStatus.RUNNING).exists())

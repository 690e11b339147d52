"""Refresh: what a batch of that mode has purged is fetched again, so that the first visitor meets a copy."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from invalidation import conf, lazy
from invalidation.freshness import index, token_bucket
from invalidation.freshness.clients import ask
from invalidation.freshness.token_bucket import Draw
from invalidation.models import Batch
from invalidation.providers import filling
from invalidation.rows import batches
from invalidation.targets import sites
from invalidation.targets.values import Targets

logger = lazy.Logger(__name__)

#: A run ends after so many seconds, well below every task time limit, and leaves the batches to come to the next one;
#: pages that were to come then are left to visitors.
TURN_SECONDS = 15.0
LIMIT = 100
#: What was purged longer ago is left to visitors: where more is purged than may be fetched, nothing piles up.
WITHIN = timedelta(minutes=1)
CONCURRENCY = 4
#: What every worker draws from, so that together they stay at the pace that one has.
BUCKET = "refresh"


@dataclass(slots=True)
class Refreshed:
    """What one run did; its text is what Flower shows as the task's result."""

    batches: int = 0
    urls: int = 0
    requests: int = 0
    failures: int = 0
    left_out: int = 0
    """Requests for which the run had no time."""

    def add(self, other: Refreshed) -> None:
        """Count another's too."""
        for name in ("batches", "urls", "requests", "failures", "left_out"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def __str__(self) -> str:
        asked = f"{self.requests} requests for {self.urls} pages of {self.batches} batches"
        return f"{asked}, {self.failures} failed, {self.left_out} left to visitors"


def refresh(database: str) -> Refreshed:
    """Fetch again what finished batches have purged, each page once however many of them it belongs to.

    Of two workers one takes a batch. What a worker that dies had still to fetch is left to visitors, and so is what
    nobody came to in time.
    """
    now = timezone.now()
    if late := batches.leave_refreshes(database, now - WITHIN, now):
        logger.warning("refreshes_too_late", batches=late, seconds=WITHIN.total_seconds())
    done, fetched, ends_at = Refreshed(), set[str](), time.monotonic() + TURN_SECONDS
    for batch in batches.to_refresh(database)[:LIMIT]:
        if time.monotonic() >= ends_at:
            break
        if batches.take_refresh(database, batch.pk, timezone.now()):
            urls = [url for url in wanted(batch) if url not in fetched]
            _fetch(batch, urls, done, ends_at)
            batches.end_refresh(database, batch.pk, timezone.now())
            fetched.update(urls)
    return done


def wanted(batch: Batch) -> list[str]:
    """Absolute URLs that the batch purged and that caches are known to have held, the one rendered last first.

    Without a tag index nobody knows what they hold: then those that the batch names.
    """
    targets, known = batch.readable or Targets(), conf.settings().sites
    urls = sites.expand_known(targets.urls, known)
    starts = {""} if targets.everything else sites.expand_known(targets.prefixes, known)
    limit = conf.settings().limits.refresh_urls
    found = ask(
        lambda server: index.latest(server, tags=targets.tags, urls=urls, prefixes=starts, limit=limit),
        sorted(urls)[:limit],
    )
    return [url for url in found if sites.origin(url) in known]


def _fetch(batch: Batch, urls: Sequence[str], done: Refreshed, ends_at: float) -> None:
    tiers = conf.settings().refreshing(batch.tier_names, batch.manner)
    asked = [node for node in filling.nodes() if node.tier in tiers]
    answers = filling.fill(asked, urls, concurrency=CONCURRENCY, turn=lambda: _turn(ends_at))
    this = Refreshed(1, len(urls), len(answers))
    failures = [failure for failure in answers if failure and not failure.is_gone]
    this.failures = len(failures)
    this.left_out = sum(len(filling.served(node, urls)) for node in asked) - len(answers)
    done.add(this)
    _report(batch, this, failures)


def _turn(ends_at: float) -> bool:
    """Wait for a token of the pace that all workers share; False once the run is over. Without Redis none is needed."""
    draw = Draw(BUCKET, conf.settings().limits.refresh_requests_per_second, CONCURRENCY, 1.0)
    while (left_seconds := ends_at - time.monotonic()) > 0:
        wait_seconds = ask(lambda server: token_bucket.take(server, [draw]), 0.0)
        if not wait_seconds:
            return True
        time.sleep(min(wait_seconds, left_seconds))
    return False


def _report(batch: Batch, this: Refreshed, failures: Sequence[filling.Failure]) -> None:
    facts = {"batch": batch.pk, "urls": this.urls, "requests": this.requests, "correlation_id": batch.correlation_id}
    if not (failures or this.left_out):
        logger.info("refreshed", **facts)
        return
    first = next((f"{one.tier} {one.node} {one.url}: {one.error}" for one in failures), "")
    logger.warning("refresh_incomplete", failed=this.failures, first=first, left_out=this.left_out, **facts)

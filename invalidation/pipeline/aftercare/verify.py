"""Verification: a sample of what a batch purged is asked for through every node, and its sequence is the proof."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

from django.utils import timezone

from invalidation import conf, lazy
from invalidation.conf import graph
from invalidation.exceptions import DeliveryError
from invalidation.freshness import index
from invalidation.freshness.clients import ask
from invalidation.models import Batch, Verification
from invalidation.pipeline import outbox
from invalidation.pipeline.delivery.breaker import breakers
from invalidation.pipeline.delivery.deliver import is_soft
from invalidation.providers.answers.reply import Probe
from invalidation.providers.registry import provider
from invalidation.rows import batches, verifications
from invalidation.signals import stale_twice, tell, verified
from invalidation.targets import sites
from invalidation.targets.values import CachePlace, Source, Targets

logger = lazy.Logger(__name__)

#: Batches looked at by one run; a run ends after so many seconds and leaves the rest to the next.
LIMIT = 1000
TURN_SECONDS = 15.0
BUDGET_INTERVAL = timedelta(minutes=1)
#: A URL that is found stale again within this time will not get better by purging it a third time.
TWICE_WITHIN = timedelta(hours=1)
#: A node that could not be asked is asked again after a pause, and so often in all.
PAUSE = timedelta(minutes=1)
TIMES = 5
#: Pauses before the questions that follow the one by which a new copy is fetched.
SHOWN_ONCE_SECONDS = (0.1, 0.4, 1.5, 3.0)
#: Codes below 500 that don't tell of the page: the node, or what stands before it, would not be asked.
REFUSALS = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)


@dataclass(slots=True)
class Verified:
    """What one run did; its text is what Flower shows as the task's result."""

    batches: int = 0
    requests: int = 0
    stale: int = 0
    unasked: int = 0
    """Nodes that gave no answer, or one that tells nothing of the page."""

    left_out: int = 0
    """Batches for which the budget did not suffice."""

    def __str__(self) -> str:
        troubles = f"{self.stale} stale, {self.unasked} could not be asked, {self.left_out} left out"
        return f"{self.requests} requests for {self.batches} batches, {troubles}"

    def add(self, rows: Collection[Verification]) -> None:
        """Count one batch."""
        self.batches += 1
        self.requests += len(rows)
        self.stale += sum(row.stale for row in rows)
        self.unasked += sum(bool(row.error) for row in rows)


def verify(database: str) -> Verified:
    """Verify the newest batches whose rebound is over, as far as the budget goes; leave the others out for good."""
    done, started = Verified(), time.monotonic()
    budget = _budget(database)
    due = list(batches.unverified(database, asked_since=timezone.now() - PAUSE)[:LIMIT])
    for place, batch in enumerate(due):
        if budget <= done.requests or time.monotonic() - started > TURN_SECONDS:
            done.left_out = _seen_to(database, due[place:])
            break
        if _seen_to(database, [batch]):
            done.add(_checked(database, batch))
    return done


def _seen_to(database: str, due: Sequence[Batch]) -> int:
    """Mark these batches as verified; returns how many no other worker had marked before."""
    return batches.take_verifications(database, [batch.pk for batch in due], timezone.now())


def _checked(database: str, batch: Batch) -> Collection[Verification]:
    """Ask the nodes that have not answered yet; while any has not, the batch is verified again after a pause."""
    passed_at = batch.rebounded_at or batch.created_at  # what a person asked before is no news of the last pass
    before = verifications.of(database, batch, passed_at)
    answered = {row.place for row in before if not row.error}
    rows = check(database, batch, sample(batch, conf.settings().monitor.verify_urls_per_batch), answered=answered)
    tries = Counter(row.place for row in (*before, *rows) if row.error)
    if any(row.error and tries[row.place] < TIMES for row in rows):
        batches.verify_again(database, batch)
    return rows


def _budget(database: str) -> int:
    """Requests that may still be made, after those of the last minute."""
    made = verifications.since(database, timezone.now() - BUDGET_INTERVAL).count()
    return conf.settings().monitor.verify_requests_per_minute - made


def sample(batch: Batch, limit: int) -> list[str]:
    """Absolute URLs that the batch purged: those that it names, then those that the tag index knows."""
    targets, known = batch.readable or Targets(), conf.settings().sites
    named = sorted(sites.expand_known(targets.urls, known))
    urls = random.sample(named, min(limit, len(named)))
    if len(urls) >= limit:
        return urls
    starts = [""] if targets.everything else sorted(sites.expand_known(targets.prefixes, known))
    sampled = ask(lambda server: index.sample(server, tags=targets.tags, prefixes=starts, limit=limit), set[str]())
    more = [url for url in sampled if url not in named and sites.origin(url) in known]
    return urls + random.sample(more, min(limit - len(urls), len(more)))


def check(
    database: str, batch: Batch, urls: Collection[str], *, answered: Collection[CachePlace] = ()
) -> list[Verification]:
    """Ask every node but those `answered` for each URL, innermost tiers first: each tier fills from a fresh one.

    What is stale is purged again, as a new event; what is stale for the second time is reported instead.
    """
    states = breakers()
    rows: list[Verification] = []
    for place in _places(batch):
        if place not in answered:
            rows += _of_node(batch, place, urls, left_alone=states.get(str(place)) == "open")
    stale = {row.url: row for row in rows if row.stale}
    for url, row in stale.items():
        _respond(database, batch, url, row)
    rows = verifications.insert(database, rows)
    tell(verified, "verification_receiver_failed", database=database, verifications=rows)
    return rows


def _of_node(batch: Batch, place: CachePlace, urls: Collection[str], *, left_alone: bool) -> list[Verification]:
    """What one node answers, up to the first URL for which it can't be asked."""
    rows: list[Verification] = []
    served = conf.settings().sites_of(place.tier)
    for url in (url for url in urls if sites.origin(url) in served):
        row = Verification(batch=batch, tier=place.tier, node=place.node, url=url)
        if left_alone:
            row.error = "could not be asked: it failed too often, and is left alone for a while"
        else:
            _ask(row, batch.sequence)
            _ask_again(row, batch)
        rows.append(row)
        if row.error:
            break
    return rows


def _ask_again(row: Verification, batch: Batch) -> None:
    """After a soft purge the first to ask is shown the old copy, and has the new one fetched for the next."""
    for seconds in SHOWN_ONCE_SECONDS if row.stale and is_soft(row.tier, batch.manner) else ():
        time.sleep(seconds)
        _ask(row, batch.sequence)
        if not row.stale:
            return


def _places(batch: Batch) -> Iterator[CachePlace]:
    """Tier and node of those that can be asked for a page, innermost first."""
    tiers = conf.settings().tiers
    wanted = set(batch.tier_names or tiers)
    for name in graph.order(tiers):
        for node in tiers[name].nodes:
            if name in wanted and provider(name, node).supports_fetch:
                yield CachePlace(name, node)


def _ask(row: Verification, purged: int | None) -> None:
    try:
        probe = provider(row.tier, row.node).fetch(row.url)
    except DeliveryError as error:
        row.error = f"could not be asked: {error}"
        return
    row.status_code, row.cache_status, row.sequence = probe.status_code, probe.cache_status, probe.sequence
    row.stale = is_stale(probe.sequence, purged)
    if not (row.stale or is_answer(probe)):
        row.error = f"could not be asked: it answered {probe.status_code}"


def is_answer(probe: Probe) -> bool:
    """Does the answer tell of the page, even that it is gone? An error tells of the node, and proves nothing. Pure."""
    return probe.status_code < HTTPStatus.INTERNAL_SERVER_ERROR and probe.status_code not in REFUSALS


def is_stale(rendered: int | None, purged: int | None) -> bool:
    """Was the page rendered before it was purged? One without a sequence is one that no cache may store. Pure."""
    return rendered is not None and purged is not None and rendered < purged


def _respond(database: str, batch: Batch, url: str, row: Verification) -> None:
    facts = {"url": url, "tier": row.tier, "node": row.node, "batch": batch.pk, "cache_status": row.cache_status}
    before = verifications.since(database, timezone.now() - TWICE_WITHIN).filter(stale=True)
    if before.filter(url=url).exists():
        logger.error("stale_twice", **facts)
        tell(stale_twice, "verification_receiver_failed", database=database, verification=row)
        return
    logger.warning("stale_after_purge", **facts)
    reason = f"{row.place} served a copy from before batch {batch.pk}"
    outbox.record(Targets.of(urls=[url], tags=_tags(batch, url)), using=database, source=Source.VERIFY, reason=reason)


def _tags(batch: Batch, url: str) -> Collection[str]:
    """Those of the batch's tags that the page carries."""
    tags: Sequence[str] = batch.targets.get("tags", [])
    return ask(lambda server: index.tags_of(server, url, tags), set[str]()) if tags else ()

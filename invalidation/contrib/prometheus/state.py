"""What all processes share: asked of the database and of Redis by whoever is scraped, not kept by each worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connections
from django.utils import timezone
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from invalidation import conf, lazy
from invalidation.freshness import degraded, index
from invalidation.freshness.clients import UNAVAILABLE, patient_client
from invalidation.pipeline.delivery import quota
from invalidation.pipeline.delivery.breaker import breakers
from invalidation.providers.registry import provider
from invalidation.rows import deliveries, events, states
from invalidation.rows.unfinished import count, oldest_seconds
from invalidation.status import figures
from invalidation.targets.values import CachePlace

logger = lazy.Logger(__name__)
UP = ("invalidation_up", "1 where this part of the state could be asked.")


class State(Collector):
    """Gauges of backlog, dead letters, breakers and index; one statement for each figure, each bounded."""

    def describe(self) -> Iterable[Metric]:
        """Nothing is asked when the collector is registered: the database may not be there yet."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Ask; a part that can't be asked is left out, and `invalidation_up` says which.

        Where an event loop runs, as in Flower, Django lets nobody ask in its thread.
        """
        if not _in_an_event_loop():
            yield from self._asked()
            return
        with ThreadPoolExecutor(1) as pool:
            yield from pool.submit(self._asked_apart).result()

    def _asked_apart(self) -> list[Metric]:
        try:
            return list(self._asked())
        finally:
            connections.close_all()

    def _asked(self) -> Iterator[Metric]:
        up = GaugeMetricFamily(*UP, labels=("part",))
        for part, ask, errors in _parts():
            try:
                metrics = list(ask())
            except errors as error:
                logger.warning("metrics_unavailable", part=part, error=repr(error))
                metrics = []
            up.add_metric((part,), float(bool(metrics)))
            yield from metrics
        yield up


def _in_an_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _parts() -> Iterator[tuple[str, Callable[[], Iterator[Metric]], tuple[type[Exception], ...]]]:
    """What is there to be asked: a site without a Redis of its own has none that could be away."""
    yield "database", _database, (DatabaseError,)
    if conf.settings().redis_url:
        yield "redis", _redis, UNAVAILABLE
    for part, app in figures.tellers().items():
        yield part, partial(_figures, app), (figures.Unavailable,)


def _figures(app: figures.Teller) -> Iterator[Metric]:
    """What integrations know; equal names are one metric with several labels."""
    families: dict[str, GaugeMetricFamily] = {}
    for figure in app.figures():
        family = families.get(figure.name)
        if family is None:
            name, labels = f"invalidation_{figure.name}", tuple(figure.labels)
            family = families[figure.name] = GaugeMetricFamily(name, figure.meaning, labels=labels)
        family.add_metric(tuple(figure.labels.values()), figure.value)
    yield from families.values()


def _database() -> Iterator[Metric]:
    pending = GaugeMetricFamily("invalidation_pending_events", "Events that nobody has claimed.", labels=("lane",))
    oldest = GaugeMetricFamily(
        "invalidation_oldest_pending_seconds", "Age of the oldest work that is not finished.", labels=("lane",)
    )
    databases = conf.settings().databases
    for lane, seconds in oldest_seconds(timezone.now()).items():
        pending.add_metric((lane,), count(events.pending(database).filter(lane=lane) for database in databases))
        oldest.add_metric((lane,), seconds)
    yield pending
    yield oldest
    letters = GaugeMetricFamily("invalidation_dead_letters", "Deliveries that ended without a purge.", labels=("tier",))
    for tier in conf.settings().tiers:
        rows = [deliveries.on(database).filter(tier=tier) for database in databases]
        letters.add_metric((tier,), count(own.filter(status=one) for own in rows for one in states.DEAD_LETTERS))
    yield letters


def _redis() -> Iterator[Metric]:
    server = patient_client()
    if server is None:
        return
    pages, size = index.size(server)
    yield GaugeMetricFamily("invalidation_index_pages", "Pages that the tag index knows.", value=pages)
    yield GaugeMetricFamily("invalidation_index_bytes", "What they are reckoned with.", value=size)
    shortened = CounterMetricFamily(
        "invalidation_degraded", "Pages that got a short life, and why.", labels=("reason",)
    )
    for reason, number in degraded.counted(server).items():
        shortened.add_metric((reason,), number)
    yield shortened
    refused = degraded.refused(server)
    yield CounterMetricFamily(
        "invalidation_guard_refused", "Pages that were outdated before they were rendered: nobody stored them.", refused
    )
    yield _open_breakers()
    yield from _quotas()


def _quotas() -> Iterator[Metric]:
    """Of each account that has any; a tier whose provider can't be built is left to the checks."""
    buckets: dict[tuple[str, str], str] = {}
    providers = []
    for tier in conf.settings().tiers.values():
        with suppress(ImproperlyConfigured):
            providers.append(provider(tier.name, tier.nodes[0]))
            buckets |= {(tier.name, rate.bucket.rpartition(":")[2]): rate.bucket for rate in providers[-1].rates()}
    left = GaugeMetricFamily("invalidation_quota_left", "Calls that an account still has.", labels=("tier", "quota"))
    paused = GaugeMetricFamily(
        "invalidation_quota_paused_seconds", "For so long its vendor wants none.", labels=("tier", "quota")
    )
    standing = quota.left(providers)
    for labels, bucket in buckets.items():
        if bucket in standing:
            left.add_metric(labels, max(0.0, standing[bucket][0]))
            paused.add_metric(labels, standing[bucket][1])
    yield left
    yield paused


def _open_breakers() -> Metric:
    states = GaugeMetricFamily("invalidation_breaker_open", "1 where a node is left alone.", labels=("tier", "node"))
    known = breakers()
    for tier in conf.settings().tiers.values():
        for node in tier.nodes:
            states.add_metric(
                (tier.name, node), float(known.get(str(CachePlace(tier.name, node)), "closed") != "closed")
            )
    return states

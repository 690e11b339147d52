"""Once a minute: how the pipeline did, and how it stands, for the charts. Counted from the rows, not by any batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from statistics import quantiles

from django.utils import timezone

from invalidation.freshness import degraded
from invalidation.freshness.clients import ask
from invalidation.models import Pass, Sample
from invalidation.rows import deliveries, events, samples, unfinished, verifications
from invalidation.rows.deliveries import Ended

MINUTE = timedelta(minutes=1)


def sample(database: str) -> bool:
    """Store the minute that is over, unless somebody has; was one stored?"""
    now = timezone.now()
    minute_at = now.replace(second=0, microsecond=0) - MINUTE
    last = samples.newest(database)
    if last and last.minute_at >= minute_at:
        return False
    samples.insert(database, _taken(database, minute_at, now, last))
    return True


def _taken(database: str, minute_at: datetime, now: datetime, last: Sample | None) -> Sample:
    span = (minute_at, minute_at + MINUTE)
    newest = deliveries.newest(database)
    within = [row for row in newest if span[0] <= row.claimed_at < span[1]]
    p50_seconds, p95_seconds = percentiles(seconds(within))
    return Sample(
        minute_at=minute_at,
        events=unfinished.count([events.on(database).filter(created_at__gte=span[0], created_at__lt=span[1])]),
        purges=sum(row.proved for row in within),
        p50_seconds=p50_seconds,
        p95_seconds=p95_seconds,
        stale=unfinished.count([verifications.stale_between(database, *span)]),
        backlog=unfinished.count([events.pending(database)]),
        dead_letters=unfinished.count([deliveries.dead_letters(database)]),
        oldest_seconds=max(unfinished.oldest_seconds(now, [database]).values()),
        degraded=ask(lambda server: sum(degraded.counted(server).values()), otherwise=None),
        succeeded={**(last.succeeded if last else {}), **succeeded(newest)},
    )


def seconds(rows: Iterable[Ended]) -> list[float]:
    """How long each took from the oldest event of its batch to its first proof, as far as both are known. Pure."""
    first = [row for row in rows if row.proved and row.delivery_pass == Pass.PURGE]
    known = [(row.completed_at, row.recorded_at) for row in first]
    return [max(0.0, (done - recorded).total_seconds()) for done, recorded in known if done and recorded]


def percentiles(seconds: Sequence[float]) -> tuple[float | None, float | None]:
    """The 50th and the 95th of these; of none there are none. Pure."""
    if len(seconds) < 2:  # noqa: PLR2004 (what `quantiles` needs)
        return (seconds[0], seconds[0]) if seconds else (None, None)
    cuts = quantiles(seconds, n=20, method="inclusive")
    return cuts[9], cuts[18]


def succeeded(rows: Iterable[Ended]) -> dict[str, str]:
    """When each node last proved a purge, as far as these tell; instants in ISO 8601, in UTC. Pure."""
    in_order = sorted((row.completed_at, str(row.place)) for row in rows if row.proved and row.completed_at)
    return {place: instant.isoformat() for instant, place in in_order}

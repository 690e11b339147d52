"""Once a minute: how the pipeline did, and how it stands, for the charts. Counted from the rows, not by any batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from statistics import quantiles

from django.utils import timezone

from invalidation.freshness import degraded
from invalidation.freshness.clients import ask
from invalidation.models import Delivery, DeliveryStatus, Pass, Sample
from invalidation.rows import deliveries, events, samples, unfinished, verifications

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
    newest = list(deliveries.newest(database))
    p50_seconds, p95_seconds = percentiles(_seconds(newest, span))
    return Sample(
        minute_at=minute_at,
        events=unfinished.count([events.on(database).filter(created_at__gte=span[0], created_at__lt=span[1])]),
        purges=unfinished.count([deliveries.purged_of(database, *span)]),
        p50_seconds=p50_seconds,
        p95_seconds=p95_seconds,
        stale=unfinished.count([verifications.stale_between(database, *span)]),
        backlog=unfinished.count([events.pending(database)]),
        dead_letters=unfinished.count([deliveries.dead_letters(database)]),
        oldest_seconds=max(unfinished.oldest_seconds(now, [database]).values()),
        degraded=ask(lambda server: sum(degraded.counted(server).values()), otherwise=None),
        succeeded={**(last.succeeded if last else {}), **succeeded(newest)},
    )


def _seconds(rows: Iterable[Delivery], span: tuple[datetime, datetime]) -> list[float]:
    first, last = span
    return [seconds for row in rows if first <= row.batch.created_at < last and (seconds := took(row)) is not None]


def took(row: Delivery) -> float | None:
    """Seconds from the oldest event of its batch to its first proof; None where there is none yet, or no event."""
    recorded_at = row.batch.recorded_at
    if row.status != DeliveryStatus.PURGED or row.delivery_pass != Pass.PURGE or not (row.completed_at and recorded_at):
        return None
    return max(0.0, (row.completed_at - recorded_at).total_seconds())


def percentiles(seconds: Sequence[float]) -> tuple[float | None, float | None]:
    """The 50th and the 95th of these; of none there are none. Pure."""
    if len(seconds) < 2:  # noqa: PLR2004 (what `quantiles` needs)
        return (seconds[0], seconds[0]) if seconds else (None, None)
    cuts = quantiles(seconds, n=20, method="inclusive")
    return cuts[9], cuts[18]


def succeeded(rows: Iterable[Delivery]) -> dict[str, str]:
    """When each node last proved a purge, as far as these tell; instants in ISO 8601, in UTC. Pure."""
    proved = [(str(row.place), row.completed_at) for row in rows if row.status == DeliveryStatus.PURGED]
    in_order = sorted((instant, place) for place, instant in proved if instant)
    return {place: instant.isoformat() for instant, place in in_order}

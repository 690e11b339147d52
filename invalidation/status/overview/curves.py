"""What the samples of the last hour and of the last day come to, minute by minute. Pure, but for one statement."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import NamedTuple

from invalidation import conf
from invalidation.rows import samples

MINUTES = 24 * 60
HOUR = 60
#: Minutes that one point of the day stands for.
DAY_STEP = 10
COLUMNS = ("minute_at", "events", "p95_seconds", "oldest_seconds", "dead_letters", "degraded")


class Minute(NamedTuple):
    """One sample, as far as curves are made of it."""

    minute_at: datetime
    events: int
    p95_seconds: float | None
    oldest_seconds: float
    dead_letters: int
    degraded: int | None


@dataclass(frozen=True, slots=True)
class Curve:
    """A figure over a span of time."""

    name: str
    unit: str
    span: str
    """`hour` or `day`."""

    points: Sequence[float | None]
    """Evenly spaced, the newest last; None where nothing was counted."""

    began_at: datetime


class Figure(NamedTuple):
    """What a curve shows. Of several minutes, or databases, it shows the worst."""

    name: str
    unit: str
    read: Callable[[Minute], float | None]


FIGURES = (
    Figure("Events", "a minute", attrgetter("events")),
    Figure("Commit to purged, 95 of 100 within", "s", attrgetter("p95_seconds")),
    Figure("Oldest unfinished work", "s", attrgetter("oldest_seconds")),
    Figure("Dead letters", "", attrgetter("dead_letters")),
)


def minutes(now: datetime) -> list[Minute]:
    """Those of the last day, of every database, in their order."""
    since = now - timedelta(minutes=MINUTES)
    databases = conf.settings().databases
    rows = [Minute(*row) for one in databases for row in samples.since(one, since).values_list(*COLUMNS)]
    return sorted(rows) if len(databases) > 1 else rows


def curves(rows: Sequence[Minute], now: datetime) -> list[Curve]:
    """Each figure over the hour, then over the day. Pure."""
    by_age: dict[int, list[Minute]] = {}
    for row in rows:
        by_age.setdefault(int((now - row.minute_at).total_seconds() // 60), []).append(row)
    return [
        Curve(
            figure.name,
            figure.unit,
            span,
            _points(by_age, figure, number, step),
            now - timedelta(minutes=number * step),
        )
        for figure in FIGURES
        for span, number, step in (("hour", HOUR, 1), ("day", MINUTES // DAY_STEP, DAY_STEP))
    ]


def _points(by_age: Mapping[int, Sequence[Minute]], figure: Figure, number: int, step: int) -> list[float | None]:
    return [
        _point(by_age, figure, range(place * step + 1, (place + 1) * step + 1)) for place in reversed(range(number))
    ]


def _point(by_age: Mapping[int, Sequence[Minute]], figure: Figure, ages: Iterable[int]) -> float | None:
    """Of minutes that ended so long ago; none where none of them was counted."""
    rows = [row for age in ages for row in by_age.get(age, ())]
    values = [value for row in rows if (value := figure.read(row)) is not None]
    if not rows:
        return None
    return max(values, default=0.0)


def sampled_at(rows: Sequence[Minute]) -> datetime | None:
    """When the newest minute that was counted was over."""
    return max(row.minute_at for row in rows) + timedelta(minutes=1) if rows else None


def degraded_before(rows: Iterable[Minute], since: datetime) -> int | None:
    """How many pages had got a short life at the first minute counted since then."""
    return next((row.degraded for row in rows if row.minute_at >= since and row.degraded is not None), None)

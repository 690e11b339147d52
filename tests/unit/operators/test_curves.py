"""What samples come to on a chart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from invalidation.admin.pages.charts import drawn
from invalidation.status.overview.curves import Curve, Minute, curves, degraded_before, sampled_at

NOW = datetime(2026, 11, 29, 3, 0, 20, tzinfo=UTC)


def minute(ago: int, events: int = 1, **values: float | None) -> Minute:
    """One that began so many minutes before the present one."""
    facts: dict[str, float | None] = {"p95_seconds": 0.1, "oldest_seconds": 0.0, "dead_letters": 0, "degraded": None}
    began_at = NOW.replace(second=0) - timedelta(minutes=ago)
    return Minute(began_at, events, **{**facts, **values})  # type: ignore[arg-type]


def of(name: str, span: str, *rows: Minute) -> list[float | None]:
    """The points of one curve."""
    [found] = [curve for curve in curves(rows, NOW) if curve.name.startswith(name) and curve.span == span]
    return list(found.points)


def test_the_hour_has_a_point_for_each_minute_the_newest_last() -> None:
    points = of("Events", "hour", minute(1, 7), minute(2, 5), minute(60, 3), minute(61, 99))
    assert (len(points), points[-1], points[-2], points[0]) == (60, 7, 5, 3)
    assert points[1:-2] == [None] * 57


def test_the_day_shows_the_worst_of_ten_minutes() -> None:
    points = of("Oldest", "day", minute(1, oldest_seconds=2.0), minute(10, oldest_seconds=25.0), minute(11))
    assert (len(points), points[-1], points[-2], points[-3]) == (144, 25.0, 0.0, None)


def test_a_minute_without_purges_is_nothing_and_no_gap() -> None:
    assert of("Commit", "hour", minute(1, p95_seconds=None))[-1] == 0.0


def test_a_gap_is_drawn_as_a_gap() -> None:
    chart = drawn(Curve("Events", "a minute", "hour", [4.0, None, None, 0.0, 2.0], NOW))
    assert chart.gaps == "M48.0 48v-48.0h96.0v48.0z"
    assert chart.bars == "M0.0 48v-48.0h48.0v48.0zM192.0 48v-24.0h48.0v24.0z"
    assert chart.words == "Events, last hour: at most 4 a minute, the newest 2."


def test_a_chart_of_nothing_is_empty() -> None:
    chart = drawn(Curve("Dead letters", "", "day", [None, None], NOW))
    assert (chart.bars, chart.most, chart.newest) == ("", 0.0, None)
    assert "not counted" in chart.words


def test_the_newest_minute_and_what_was_degraded_before_are_known() -> None:
    rows = [minute(90, degraded=3), minute(59, degraded=None), minute(58, degraded=5), minute(1, degraded=9)]
    assert sampled_at(rows) == NOW.replace(second=0)
    assert degraded_before(rows, NOW - timedelta(hours=1)) == 5
    assert sampled_at([]) is None

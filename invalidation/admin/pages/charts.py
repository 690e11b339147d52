"""Draws a curve as the path of an SVG, and says in words what it shows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from invalidation.status.overview.curves import Curve

#: Size of the drawing in its own units; the page stretches it.
WIDTH, HEIGHT = 240.0, 48.0
#: Height of a value that is small, but there.
LEAST = 1.5


@dataclass(frozen=True, slots=True)
class Chart:
    """A curve, ready for a page."""

    curve: Curve
    bars: str
    """Path of one bar for each point."""

    gaps: str
    """Path of where nothing was counted."""

    most: float
    newest: float | None
    counted: bool
    """Was anything counted at all?"""

    @property
    def words(self) -> str:
        """For those who don't see it."""
        unit = f" {self.curve.unit}" if self.curve.unit else ""
        newest = "not counted" if self.newest is None else f"{self.newest:,.4g}"
        return f"{self.curve.name}, last {self.curve.span}: at most {self.most:,.4g}{unit}, the newest {newest}."


def drawn(curve: Curve) -> Chart:
    """The highest bar is as high as the drawing."""
    known = [point for point in curve.points if point is not None]
    most = max(known, default=0.0)
    width = WIDTH / len(curve.points)
    heights = [_height(point, most) for point in curve.points]
    bars = "".join(_bar(place, width, height) for place, height in enumerate(heights) if height)
    gaps = "".join(_bar(first, width, HEIGHT, count) for first, count in _gaps(curve.points))
    return Chart(curve, bars, gaps, most, curve.points[-1] if curve.points else None, bool(known))


def _height(point: float | None, most: float) -> float:
    return max(LEAST, HEIGHT * point / most) if point and most else 0.0


def _bar(place: int, width: float, height: float, count: int = 1) -> str:
    return f"M{place * width:.1f} {HEIGHT:g}v-{height:.1f}h{count * width:.1f}v{height:.1f}z"


def _gaps(points: Iterable[float | None]) -> Iterator[tuple[int, int]]:
    """Where each begins, and of how many points it is."""
    place = 0
    for is_gap, run in groupby(points, lambda point: point is None):
        count = len(list(run))
        if is_gap:
            yield place, count
        place += count

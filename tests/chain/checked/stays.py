"""How long copies stayed stale, by tier: of each page only the last answer that was old counts. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field

BOUNDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000)
LONGER = "longer"


@dataclass(slots=True)
class Stays:
    """Milliseconds by tier and copy."""

    longest: dict[tuple[str, Hashable], float] = field(default_factory=dict)

    def add(self, tier: str, copy: Hashable, milliseconds: float) -> None:
        """One answer from it."""
        place = tier, copy
        self.longest[place] = max(self.longest.get(place, 0.0), milliseconds)

    def table(self) -> dict[str, dict[str, float]]:
        """By tier: how many copies stayed at most so long, and the longest of all."""
        found: dict[str, Counter[float]] = {}
        for (tier, _), milliseconds in self.longest.items():
            found.setdefault(tier, Counter())[bisect_left(BOUNDS, milliseconds)] += 1
        return {tier: self._row(tier, counts) for tier, counts in sorted(found.items())}

    def _row(self, tier: str, counts: Counter[float]) -> dict[str, float]:
        names = [*(f"to_{bound}" for bound in BOUNDS), LONGER]
        row: dict[str, float] = {name: counts[place] for place, name in enumerate(names) if counts[place]}
        return row | {"longest": round(max(found for (of, _), found in self.longest.items() if of == tier), 1)}

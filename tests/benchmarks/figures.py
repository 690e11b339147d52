"""What a benchmark says: a figure, what it is held against in the same run, and the aim."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any, Literal, Self

HOLDS = {"≤": operator.le, "≥": operator.ge}


@dataclass(frozen=True, slots=True)
class Aim:
    """What should hold, of the figure itself or of its ratio to the baseline."""

    holds: Literal["≤", "≥"]
    number: float
    of: Literal["figure", "ratio"] = "figure"

    def __str__(self) -> str:
        return f"{self.holds} {readable(self.number)}{' times' if self.of == 'ratio' else ''}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table."""

    part: str
    what: str
    value: float
    unit: str
    baseline: float | None = None
    against: str = ""
    """What the baseline is."""

    aim: Aim | None = None

    @classmethod
    def of(cls, document: dict[str, Any]) -> Self:
        """From what `dataclasses.asdict` made of one."""
        aim = document.pop("aim")
        return cls(**document, aim=Aim(**aim) if aim else None)

    @property
    def ratio(self) -> float | None:
        """So many times the baseline."""
        return self.value / self.baseline if self.baseline else None

    @property
    def met(self) -> bool | None:
        """Does the aim hold? None where there is none."""
        judged = self.ratio if self.aim and self.aim.of == "ratio" else self.value
        return None if self.aim is None or judged is None else HOLDS[self.aim.holds](judged, self.aim.number)

    def cells(self) -> list[str]:
        """Of the table."""
        baseline = f"{readable(self.baseline)} ({self.against})" if self.baseline is not None else ""
        return [
            self.part,
            self.what,
            f"{readable(self.value)} {self.unit}",
            baseline,
            f"{self.ratio:.2f}" if self.ratio is not None else "",
            str(self.aim or ""),
            {True: "yes", False: "**no**", None: ""}[self.met],
        ]


HEADINGS = ["part", "what", "figure", "baseline in the same run", "ratio", "aim", "met"]


def readable(number: float) -> str:
    """With as many digits as mean anything."""
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"


def row(cells: list[str]) -> str:
    """A line of a table in Markdown."""
    return f"| {' | '.join(cells)} |"

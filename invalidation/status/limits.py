"""What makes a status bad enough for a monitor: `dead,lag=30` as limits, and which of them are exceeded. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from invalidation.status.documents import Overview

#: Figures that can be limited, each with what it reads.
FIGURES: Mapping[str, Callable[[Overview], float]] = MappingProxyType(
    {
        "dead": lambda overview: overview["dead_letters"],
        "lag": lambda overview: overview["lag_seconds"],
        "backlog": lambda overview: sum(overview["backlog"].values()),
        "rules": lambda overview: len(overview["rules"]),
    }
)
WORDS = MappingProxyType(
    {
        "dead": "{:,.0f} dead letters",
        "lag": "the oldest unfinished work is {:,.1f} s old",
        "backlog": "{:,.0f} events wait",
        "rules": "{:,.0f} rules fail",
    }
)
#: What may fail without anybody having named a number: more than none.
COUNTED = frozenset({"dead", "rules"})


class Unlimited(ValueError):
    """What was asked for is no limit; the message names those that there are."""


@dataclass(frozen=True, slots=True)
class Limit:
    """The most that one figure may be."""

    figure: str
    most: float = 0.0

    def exceeded_by(self, overview: Overview) -> str:
        """How it is, in words, or "" where it is within the limit."""
        value = FIGURES[self.figure](overview)
        return f"{WORDS[self.figure].format(value)} (at most {self.most:g})" if value > self.most else ""


def parse(text: str) -> tuple[Limit, ...]:
    """`dead,lag=30`: more than 0 dead letters, or more than 30 seconds.

    Raises:
        Unlimited: a figure that there is not, or one without a number that needs it.
    """
    return tuple(_limit(part.strip()) for part in text.split(",") if part.strip())


def _limit(part: str) -> Limit:
    figure, equals, number = part.partition("=")
    if figure not in FIGURES or (not equals and figure not in COUNTED):
        raise Unlimited(f"{part!r} is no limit; there are dead, rules, dead=N, rules=N, lag=SECONDS and backlog=N.")
    if not equals:
        return Limit(figure)
    if not number.replace(".", "", 1).isdecimal() or not number.isascii():
        raise Unlimited(f"{part!r} is no limit: behind {figure}= stands a number, as in {figure}=30.")
    return Limit(figure, float(number))


def exceeded(overview: Overview, limits: Iterable[Limit]) -> list[str]:
    """Which of them are, in words."""
    return [words for limit in limits if (words := limit.exceeded_by(overview))]

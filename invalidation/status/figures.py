"""Figures of servers that the app itself knows not: integrations register who asks, metrics and probes collect."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Figure:
    """A value as it is now."""

    name: str
    """With its unit, without the app's own name before it."""

    meaning: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


class Unavailable(Exception):
    """Who would know them does not answer; the message says who."""


Ask = Callable[[], Iterable[Figure]]
_asked: dict[str, Ask] = {}


def register(part: str, ask: Ask) -> None:
    """Let `part` tell its figures; `ask` raises Unavailable while it can't, within a few seconds."""
    _asked[part] = ask


def registered() -> dict[str, Ask]:
    """All of them, by part."""
    return dict(_asked)

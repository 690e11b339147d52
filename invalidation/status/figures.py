"""Figures of servers that the app itself does not know: the apps of integrations tell them, metrics collect."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, cast

from django.apps import apps

INTEGRATIONS = "invalidation.contrib."


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


class Teller(Protocol):
    """The Django app of an integration that has figures."""

    def figures(self) -> Iterable[Figure]:
        """Ask, within a few seconds.

        Raises:
            Unavailable: who would know does not answer.
        """


def tellers() -> dict[str, Teller]:
    """Those that are installed, by the last part of their names; nobody has to register when a process starts."""
    found = {app.name.rpartition(".")[2]: app for app in apps.get_app_configs() if app.name.startswith(INTEGRATIONS)}
    return {name: cast(Teller, app) for name, app in found.items() if hasattr(app, "figures")}

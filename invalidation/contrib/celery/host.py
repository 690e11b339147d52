"""The Celery application that carries our messages. Celery's own "current" one is current in one thread alone.

In any other thread of a web server Celery falls back to an application without configuration, and to its broker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from celery import Celery

_remembered: list[Celery] = []


def remember(app: Celery) -> None:
    """Use this application from any thread; one that isn't meant to be current stands back."""
    if app.set_as_current or not _remembered:  # type: ignore[attr-defined]  # the stubs lack it
        _remembered[:] = [app]


def configured() -> Celery | None:
    """The one that was; nobody imports Celery for it."""
    return _remembered[0] if _remembered else None


def application() -> Celery:
    """The one that was configured; else Celery's current one."""
    from celery.app import app_or_default

    return app_or_default(configured())

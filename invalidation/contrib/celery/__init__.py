"""Celery around the app: queues, tasks, schedule, messages. It calls `invalidation`, never the reverse.

Put `invalidation.contrib.celery` into `INSTALLED_APPS` beside `invalidation`, and call `configure` with your own
application.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from celery import Celery


def configure(app: Celery) -> None:
    """Let `app` consume our queues and send what beat must; nothing else of it changes. Imports Celery."""
    from invalidation.contrib.celery import setup

    setup.configure(app)

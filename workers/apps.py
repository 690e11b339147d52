"""The Django app: announces what the app records, by listening to its signals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.apps import AppConfig

if TYPE_CHECKING:
    from invalidation.doctor import Finding


class WorkersConfig(AppConfig):
    """Celery workers of django-invalidation."""

    name = "workers"
    label = "workers"

    def ready(self) -> None:
        """Listen to the app."""
        from invalidation import doctor
        from workers import announce, logs

        announce.connect()
        logs.connect()
        doctor.register("workers", _findings)


def _findings() -> Iterator[Finding]:
    """Celery is imported by who asks."""
    from workers import health

    return health.findings()

"""The Django app: announces what the app records, by listening to its signals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.apps import AppConfig
from django.core import checks

from invalidation import lazy

if TYPE_CHECKING:
    from invalidation.doctor import Finding
    from invalidation.status.figures import Figure


class CeleryConfig(AppConfig):
    """Queues and tasks of django-invalidation."""

    name = "invalidation.contrib.celery"
    label = "invalidation_celery"

    def ready(self) -> None:
        """Listen to the app."""
        from invalidation import doctor
        from invalidation.contrib.celery import logs
        from invalidation.contrib.celery.announcing import announce

        announce.connect()
        logs.connect()
        doctor.register("workers", _findings)
        checks.register(lazy.call("invalidation.contrib.celery.checks.check_broker"), "invalidation")

    def figures(self) -> Iterator[Figure]:
        """Of queues and beat; Celery is imported by who asks."""
        from invalidation.contrib.celery import health

        return health.figures()


def _findings() -> Iterator[Finding]:
    """Celery is imported by who asks."""
    from invalidation.contrib.celery import health

    return health.findings()

"""The Django app: announces what the app records, by listening to its signals."""

from django.apps import AppConfig


class WorkersConfig(AppConfig):
    """Celery workers of django-invalidation."""

    name = "workers"
    label = "workers"

    def ready(self) -> None:
        """Listen to the app."""
        from workers import announce, health, logs

        announce.connect()
        logs.connect()
        health.connect()

"""The Django app: events keep the trace of their cause, batches and calls become spans."""

from __future__ import annotations

from importlib.util import find_spec

from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured


class OpenTelemetryConfig(AppConfig):
    """Traces of django-invalidation."""

    name = "invalidation.contrib.opentelemetry"
    label = "invalidation_opentelemetry"

    def ready(self) -> None:
        """Listen to the pipeline.

        Raises:
            ImproperlyConfigured: the library is not there.
        """
        if not find_spec("opentelemetry"):
            raise ImproperlyConfigured(
                f"{self.name} needs opentelemetry: pip install 'django-invalidation[opentelemetry]'."
            )
        from invalidation.contrib.opentelemetry import spans

        spans.connect()

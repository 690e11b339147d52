"""The Django app: counts in every process, and asks the database and Redis where the metrics are asked for."""

from __future__ import annotations

from django.apps import AppConfig


class PrometheusConfig(AppConfig):
    """Metrics of django-invalidation."""

    name = "invalidation.contrib.prometheus"
    label = "invalidation_prometheus"

    def ready(self) -> None:
        """Listen, and answer for the shared state in the default registry."""
        from prometheus_client import REGISTRY

        from invalidation.contrib.prometheus import counters
        from invalidation.contrib.prometheus.state import State

        counters.connect()
        REGISTRY.register(State())

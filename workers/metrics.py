"""Serves a worker's own metrics, where WORKER_METRICS_PORT says so: counters belong to the process that counts."""

from __future__ import annotations

import os
from typing import Any

from celery.signals import worker_ready


def connect() -> None:
    """Serve once the worker is ready."""
    worker_ready.connect(serve, dispatch_uid="workers.metrics")


def serve(**_: Any) -> None:
    """To this machine alone, from a thread."""
    if port := os.environ.get("WORKER_METRICS_PORT"):
        from prometheus_client import start_http_server

        from invalidation.contrib.prometheus.registry import registry

        start_http_server(int(port), addr="127.0.0.1", registry=registry())

"""What runs beside the reference site: its Celery application, the workers' metrics, a probe, Flower's sign-in."""

from __future__ import annotations

from workers.app import app

__all__ = ["app"]

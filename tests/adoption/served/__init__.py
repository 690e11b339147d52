"""A site of a few lines that has adopted the app, for whatever serves it: values on Django's own Redis backend."""

from __future__ import annotations

from tests.adoption.served.celery import app as celery_app

__all__ = ["celery_app"]

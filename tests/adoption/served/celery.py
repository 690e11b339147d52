"""The site's Celery application."""

from __future__ import annotations

from celery import Celery

from invalidation.contrib.celery import configure

app = Celery("served")
app.config_from_object("django.conf:settings", namespace="CELERY")
configure(app)

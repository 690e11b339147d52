"""The site's Celery application; `celery -A project` finds it."""

from __future__ import annotations

import os

from celery import Celery

from workers.setup import configure

# manage.py and the tests have chosen by now; a worker started by itself is a deployment.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings.production")

app = Celery("project")
# The site names the broker (CELERY_BROKER_URL) and may override the rest; queues, acknowledgement, time limits
# and schedule come from the app, whose values were measured.
app.config_from_object("django.conf:settings", namespace="CELERY")
configure(app)

"""The Celery application of the workers beside the site; `celery -A workers` finds it."""

from __future__ import annotations

import os
import sys
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_init

from invalidation.contrib.celery import configure
from workers import flower, metrics

# manage.py and the tests have chosen by now; a worker started by itself is a deployment.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings.production")

flower.shut(sys.argv)
app = Celery("workers")
app.config_from_object("django.conf:settings", namespace="CELERY")
configure(app)
metrics.connect()


#: After so long a thread that computes lets another go on; Python's own 5 ms are waited for after every answer of a
#: server, some hundred times in a batch, while another thread is at a batch of thousands of events.
SWITCH_SECONDS = 0.0005


@worker_init.connect
def let_others_go_on(**_: Any) -> None:
    """An editor's purge shares the process with bulk work."""
    sys.setswitchinterval(SWITCH_SECONDS)


@setup_logging.connect
def keep_logging(**_: Any) -> None:
    """Celery configures no logging where this signal has a receiver: Django's LOGGING stands, in workers too."""

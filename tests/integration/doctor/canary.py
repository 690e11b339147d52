"""Run in a process of its own: for each line on standard input the task `invalidation.canary`, and what it answers."""

from __future__ import annotations

import sys

import django

from workers import app

django.setup()
app.set_current()

from invalidation.contrib.celery.tasks import canary  # noqa: E402 (after the set-up)

for _ in sys.stdin:
    print(f"told: {canary()}", flush=True)  # noqa: T201 (a program for a pipe)

"""Nothing is used that only newer releases of Celery have; `make matrix` runs the older ones themselves."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.fixtures.servers import ROOT

#: Before 5.7 a task's class takes no types while the program runs.
WITHOUT_TYPES = """
import celery
if hasattr(celery.Task, "__class_getitem__"):
    del celery.Task.__class_getitem__
import django
django.setup()
from workers.app import app
app.loader.import_default_modules()
print(*sorted(name for name in app.tasks if name.startswith("invalidation.")))
"""


def test_the_tasks_are_there_under_a_celery_whose_tasks_take_no_types() -> None:
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "project.settings.test"}
    command = [sys.executable, "-c", WITHOUT_TYPES]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "invalidation.drain" in done.stdout.split()

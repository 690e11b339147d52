"""B9: what the app and its Celery part add to `django.setup()`, each start in a process of its own."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Iterator

from deploy.local.stack import ROOT
from tests.benchmarks.figures import Aim, Figure

STARTS = 15
APPS = ["django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"]
APPS += ["django.contrib.messages", "django.contrib.staticfiles"]
OURS = ["invalidation", "workers"]
SCRIPT = """
import sys, time
from django.conf import settings
settings.configure(SECRET_KEY="x", INSTALLED_APPS=sys.argv[1:], ROOT_URLCONF="x", INVALIDATION={"TIERS": {}},
                   DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}})
import django
started = time.perf_counter()
django.setup()
print(time.perf_counter() - started)
"""


def start(apps: list[str]) -> float:
    """Milliseconds of one `django.setup()`."""
    done = subprocess.run([sys.executable, "-c", SCRIPT, *apps], cwd=ROOT, check=True, capture_output=True, text=True)
    return 1000 * float(done.stdout)


def figures() -> Iterator[Figure]:
    """In turn, so that what else the machine does falls on both alike."""
    pairs = [(start(APPS), start([*APPS, *OURS])) for _ in range(STARTS)]
    without = statistics.median(bare for bare, _ in pairs)
    added = statistics.median(ours - bare for bare, ours in pairs)
    yield Figure("B9", "added to django.setup()", added, "ms", without, "Django alone", Aim("≤", 30))

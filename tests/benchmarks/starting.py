"""B9: what the app and its Celery part add to `django.setup()`, each start in a process of its own."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from tempfile import TemporaryDirectory

from deploy.local.stack import ROOT
from tests.benchmarks.figures import Aim, Figure

STARTS = 15
APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.messages"]
APPS += ["django.contrib.staticfiles"]
#: It imports the admin of every app, ours among them.
ADMIN = ["django.contrib.admin"]
OURS = ["invalidation", "invalidation.contrib.celery"]
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


def start(apps: list[str], bytecode: str) -> float:
    """Milliseconds of one `django.setup()`; the bytecode of every module is in that folder after the first."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPYCACHEPREFIX": bytecode}
    command = [sys.executable, "-c", SCRIPT, *apps]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    return 1000 * float(done.stdout)


def figures() -> Iterator[Figure]:
    """Without Django's admin, and with it."""
    yield _added("added to django.setup()", APPS, Aim("≤", 30))
    yield _added("added to django.setup() of a site with Django's admin", [*ADMIN, *APPS])


def _added(what: str, apps: list[str], aim: Aim | None = None) -> Figure:
    """In turn, so that what else the machine does falls on both alike; as installed, which compiles every module."""
    with TemporaryDirectory(prefix="benchmark-") as bytecode:
        start([*apps, *OURS], bytecode)
        pairs = [(start(apps, bytecode), start([*apps, *OURS], bytecode)) for _ in range(STARTS)]
    without = statistics.median(bare for bare, _ in pairs)
    return Figure(
        "B9", what, statistics.median(ours - bare for bare, ours in pairs), "ms", without, "Django alone", aim
    )

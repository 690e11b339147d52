"""What a web process pays at its start: nothing that only some of them use is imported by `django.setup()`."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.fixtures.servers import ROOT

SETUP = """
import sys
from django.conf import settings
settings.configure(
    INSTALLED_APPS=[
        "django.contrib.contenttypes", "django.contrib.auth", "invalidation", "invalidation.contrib.celery"
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INVALIDATION={"SITES": ["https://example.com"]},
)
import django
django.setup()
print(*sys.modules)
"""


#: What a process needs that writes registered rows or serves pages is imported by the first of them.
OURS = """
invalidation invalidation.apps invalidation.context invalidation.doctor invalidation.doctor.probes
invalidation.emission invalidation.emission.before invalidation.emission.rows
invalidation.emission.rows.columns invalidation.emission.emit
invalidation.emission.leaving invalidation.emission.rows.loading
invalidation.emission.evaluation invalidation.emission.receivers invalidation.emission.registry
invalidation.emission.relations invalidation.emission.rules invalidation.emission.rows.history
invalidation.emission.rows.wording invalidation.emission.uploads invalidation.exceptions
invalidation.freshness invalidation.freshness.unit_of_work
invalidation.lazy invalidation.models invalidation.models.journal invalidation.models.mixins
invalidation.models.outbox invalidation.commit_hooks invalidation.signals
invalidation.targets invalidation.targets.values
invalidation.contrib invalidation.contrib.celery
invalidation.contrib.celery.announcing invalidation.contrib.celery.announcing.announce
invalidation.contrib.celery.announcing.announcer invalidation.contrib.celery.apps invalidation.contrib.celery.logs
"""


@pytest.fixture(scope="module")
def imported() -> set[str]:
    """Modules that a process holds after `django.setup()` with the app and its Celery part."""
    command = [sys.executable, "-c", SETUP]
    result = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60)
    return set(result.stdout.split())


@pytest.mark.parametrize(
    "package",
    [
        *("boto3", "botocore", "celery", "django_redis", "django_structlog", "kombu", "pybreaker", "redis", "requests"),
        *("rich", "structlog", "tenacity", "urllib3"),
    ],
)
def test_setup_does_not_import(package: str, imported: set[str]) -> None:
    assert package not in imported


def test_setup_imports_39_modules_of_the_app(imported: set[str]) -> None:
    ours = {name for name in imported if name.partition(".")[0] == "invalidation"}
    assert ours == set(OURS.split())

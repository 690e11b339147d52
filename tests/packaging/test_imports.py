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
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "invalidation", "workers"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INVALIDATION={"SITES": ["https://example.com"]},
)
import django
django.setup()
print(*{name.partition(".")[0] for name in sys.modules})
"""


@pytest.fixture(scope="module")
def imported() -> set[str]:
    """Packages that a process holds after `django.setup()` with the app and its Celery part."""
    command = [sys.executable, "-c", SETUP]
    result = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60)
    return set(result.stdout.split())


@pytest.mark.parametrize(
    "package",
    ["boto3", "botocore", "celery", "django_structlog", "kombu", "pybreaker", "requests", "tenacity", "urllib3"],
)
def test_setup_does_not_import(package: str, imported: set[str]) -> None:
    assert package not in imported

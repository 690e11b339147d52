"""What `manage.py check` says of the broker of a site that has adopted the app."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from celery import Celery

from invalidation.contrib.celery import configure
from invalidation.contrib.celery.checks import prefetch
from tests.fixtures.servers import ROOT

RABBITMQ = "amqp://site:secret@127.0.0.1:1/site"


def checked(folder: Path, broker: str, **told: str) -> str:
    """What the command prints for the site of the tests of adoption."""
    environment = {
        "DJANGO_SETTINGS_MODULE": "tests.adoption.served.settings",
        "SERVED_DATABASE": str(folder / "none.sqlite3"),
        "SERVED_REDIS": "redis://127.0.0.1:1",
        "SERVED_BROKER": broker,
        "SERVED_VARNISH": "http://127.0.0.1:1",
        "SERVED_SECRET": "a-secret-of-the-tests",
        **told,
    }
    command = [sys.executable, "-m", "django", "check"]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def test_on_rabbitmq_a_worker_that_lowers_its_prefetch_count_is_named_with_the_setting_that_mends_it(
    tmp_path: Path,
) -> None:
    said = checked(tmp_path, RABBITMQ)
    assert "invalidation.W013" in said
    assert "worker_enable_prefetch_count_reduction = False" in said
    assert "CELERY_WORKER_ENABLE_PREFETCH_COUNT_REDUCTION" in said
    assert "secret" not in said


def test_on_redis_nothing_is_said_of_it(tmp_path: Path) -> None:
    said = checked(tmp_path, "redis://127.0.0.1:1/0")
    assert "invalidation.W003" in said, "no check has run"
    assert "invalidation.W013" not in said


def test_settings_that_cannot_be_used_are_named_by_their_own_id_alone(tmp_path: Path) -> None:
    said = checked(tmp_path, RABBITMQ, SERVED_VARNISH="")
    assert "invalidation.E00" in said
    assert "invalidation.W013" not in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("broker", "told", "warned"),
    [
        (RABBITMQ, {}, True),
        ("amqps://127.0.0.1:1//", {}, True),
        ("amqp://127.0.0.1:1//;amqp://127.0.0.1:2//", {}, True),
        (RABBITMQ, {"worker_enable_prefetch_count_reduction": False}, False),
        ("redis://127.0.0.1:1/0", {}, False),
        ("memory://", {}, False),
        ("redis://127.0.0.1:1/0", {"broker_read_url": RABBITMQ}, True),
        (RABBITMQ, {"broker_read_url": "redis://127.0.0.1:1/0"}, False),
        ("nobody-knows://127.0.0.1:1/0", {}, False),
    ],
)
def test_only_a_worker_on_amqp_that_was_left_as_it_is_is_warned_of(
    broker: str, told: dict[str, object], *, warned: bool
) -> None:
    host = Celery("shop", set_as_current=False, fixups=[])
    host.config_from_object({"broker_url": broker, **told})
    configure(host)
    assert [message.id for message in prefetch(host)] == ["invalidation.W013"] * warned


def test_a_site_whose_application_was_never_configured_is_told_nothing_of_celerys_defaults() -> None:
    code = """
import django
from django.conf import settings
apps = ["django.contrib.contenttypes", "django.contrib.auth", "invalidation", "invalidation.contrib.celery"]
settings.configure(INSTALLED_APPS=apps, DEFAULT_AUTO_FIELD="django.db.models.BigAutoField")
django.setup()
from django.core.checks import run_checks
print(*(message.id for message in run_checks(tags=["invalidation"])))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["invalidation.W001"]

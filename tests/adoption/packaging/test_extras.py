"""Without any extra the app works; what needs one says which, before the first purge."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.fixtures.servers import ROOT

#: A site on which no extra is installed.
SITE = """
import importlib, json, pkgutil, sys
clients = "boto3 botocore celery django_redis kombu pymemcache requests urllib3"
for name in (*clients.split(), "django_structlog", "opentelemetry", "rich", "structlog"):
    sys.modules[name] = None
from django.conf import settings
settings.configure(
    INSTALLED_APPS=[f"django.contrib.{n}" for n in ("contenttypes", "auth", "messages", "sessions", "admin")]
    + ["invalidation"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    CACHES={"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1"}},
    INVALIDATION={
        "SITES": ["https://example.com"],
        "PAGES": {"QUERY_PARAMETERS": []},
        "TIERS": json.loads(sys.argv[1]),
    },
)
import django
django.setup()
"""
MODULES = """
import invalidation
missing = []
for module in pkgutil.walk_packages(invalidation.__path__, "invalidation."):
    if ".contrib." in module.name:
        continue  # an integration that is installed with its library
    try:
        importlib.import_module(module.name)
    except ImportError:
        missing.append(module.name)
print(json.dumps(missing))
"""
CHECK = """
from django.core.checks import run_checks
print(json.dumps([f"{one.id} {one.msg}" for one in run_checks(tags=["invalidation"]) if one.level >= 40]))
"""
SAVE = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
import invalidation
invalidation.invalidate(tags=["a"])
call_command("invalidation_status")
print(json.dumps("done"))
"""


def run(code: str, **tiers: Any) -> Any:
    """What the site prints last."""
    command = [sys.executable, "-W", "error", "-c", SITE + code, json.dumps(tiers)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_only_what_an_extra_is_for_needs_it() -> None:
    assert run(MODULES) == [
        "invalidation.caching.cluster",
        "invalidation.management.coloured",
        "invalidation.monitor.memcached",
        "invalidation.providers.cdn.session",
        "invalidation.providers.cdn.watching",
    ]


def test_an_event_is_stored_and_shown_without_any_extra() -> None:
    assert run(SAVE) == "done"


@pytest.mark.parametrize(
    ("provider", "options", "extra"),
    [
        ("cloudflare.Cloudflare", {"ZONE_ID": "z", "API_TOKEN": "t"}, "http"),
        ("fastly.Fastly", {"SERVICE_ID": "s", "API_TOKEN": "t"}, "http"),
        ("cloudfront.CloudFront", {"DISTRIBUTION_ID": "d"}, "cloudfront"),
    ],
)
def test_a_provider_without_its_library_is_refused_with_the_command_that_installs_it(
    provider: str, options: dict[str, str], extra: str
) -> None:
    [said] = run(CHECK, cdn={"PROVIDER": f"invalidation.providers.{provider}", "OPTIONS": options})
    assert said.startswith("invalidation.E001")
    assert f"pip install 'django-invalidation[{extra}]'" in said


def test_a_tier_of_values_on_django_s_own_redis_cache_needs_none() -> None:
    provider = "invalidation.providers.redis.Redis"
    assert run(CHECK, cache={"PROVIDER": provider, "OPTIONS": {"CACHES": ["default"]}}) == []

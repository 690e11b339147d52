"""The magazine behind a Varnish, and a reader who compares what it answers with what the application does."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.contrib.contenttypes.models import ContentType
from django.core.cache import caches
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection, connections
from django.test.utils import setup_databases, teardown_databases
from pytest_django import DjangoDbBlocker

import invalidation
from deploy.local import Redis, Varnish
from tests.fixtures.servers import SECRET
from tests.integration.freshness.conftest import Application
from tests.integration.wagtail.editor.magazine import Magazine, furnish
from tests.integration.wagtail.editor.reader import Reader

#: Wagtail's, which leaves the files that it makes renditions of to the garbage collector.
OTHERS_WARNINGS = ("ignore:Unclosed file:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
SITES = ["http://magazine.test", "http://second.test"]


def pytest_configure(config: pytest.Config) -> None:
    """Of the process that runs these tests alone."""
    for warning in OTHERS_WARNINGS:
        config.addinivalue_line("filterwarnings", warning)


@pytest.fixture(scope="session")
def application() -> Iterator[Application]:
    with Application() as server:
        server.handler = WSGIHandler()
        yield server


@pytest.fixture(scope="session")
def varnish(application: Application, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Varnish]:
    folder: Path = tmp_path_factory.mktemp("wagtail")
    with Varnish(folder, [application.address], SECRET, options={"public_port": ""}) as server:
        yield server


@pytest.fixture(scope="session", autouse=True)
def declared(redis_server: Redis, varnish: Varnish, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The one tier, purged once for each change: no second pass may hide what the first forgot. A folder for files."""
    django_settings.MEDIA_ROOT = str(tmp_path_factory.mktemp("media"))
    tier = {
        "PROVIDER": "invalidation.providers.varnish.Varnish",
        "NODES": [varnish.url],
        "OPTIONS": {"SECRET": SECRET},
        "REBOUND_SECONDS": 0,
    }
    django_settings.INVALIDATION = {
        **django_settings.INVALIDATION,
        "TIERS": {"varnish": tier},
        "SITES": SITES,
        "REDIS_URL": redis_server.url(6),
        "FRESHNESS": {"TRANSFER_SECONDS": 0},
        "BACKLOG": {"LINGER_MILLISECONDS": 0},
    }


@pytest.fixture(scope="session")
def furnished(
    declared: None,
    django_test_environment: None,
    django_db_modify_db_settings: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Magazine, Path]]:
    """The magazine before any editor came, and its database."""
    kept = tmp_path_factory.mktemp("magazine") / "furnished.sqlite3"
    with django_db_blocker.unblock():
        databases = setup_databases(verbosity=0, interactive=False)
        magazine = furnish()
        _copy(database(), kept)
        yield magazine, kept
        teardown_databases(databases, verbosity=0)


def database() -> Path:
    """Where it is stored."""
    return Path(connection.settings_dict["NAME"])


def _copy(source: Path, target: Path) -> None:
    connections.close_all()
    shutil.copy(source, target)


@pytest.fixture
def magazine(furnished: tuple[Magazine, Path]) -> Magazine:
    """As furnished: what the test before has changed is undone, and in no cache any more."""
    magazine, kept = furnished
    _copy(kept, database())
    caches["default"].clear()
    ContentType.objects.clear_cache()
    invalidation.invalidate(prefixes=["/"])
    return magazine


@pytest.fixture
def reader(magazine: Magazine, application: Application, varnish: Varnish) -> Reader:
    """Knows every address that there is."""
    somebody = Reader(varnish.url, f"http://{application.address}")
    somebody.work()
    return somebody

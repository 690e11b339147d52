"""A pytest plugin, so that a test takes no longer than it must: each runs hundreds of times, on a machine that is busy.

Databases are made once, where `MUTATION_DATABASES` says, and copied for each mutant: to migrate them takes seconds. Of
made-up inputs there are few, always the same, and none is too slow.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connections
from hypothesis import HealthCheck, settings
from pytest_django import DjangoDbBlocker

FOLDER = "MUTATION_DATABASES"
settings.register_profile(
    "mutation", deadline=None, max_examples=25, derandomize=True, suppress_health_check=list(HealthCheck)
)


class Databases:
    """Overrides pytest-django's fixture of this name."""

    @pytest.fixture(scope="session")
    def django_db_setup(
        self, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker
    ) -> Iterator[None]:
        """Each database is a copy of its own."""
        with django_db_blocker.unblock():
            copies = Path(tmp_path_factory.mktemp("databases", numbered=True))
            for alias in connections:
                _use(alias, Path(shutil.copy(_made(alias), copies)))
        yield
        connections.close_all()
        shutil.rmtree(copies)


def pytest_configure(config: pytest.Config) -> None:
    """Registered so late, its fixture hides the one of pytest-django."""
    settings.load_profile("mutation")
    config.pluginmanager.register(Databases(), "mutation-databases")


def _use(alias: str, path: Path) -> None:
    connections[alias].close()
    connections[alias].settings_dict["NAME"] = str(path)


def _made(alias: str) -> Path:
    path = Path(os.environ[FOLDER]) / f"{alias}-{_migrations()}.sqlite3"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}")
        _use(alias, unfinished)
        call_command("migrate", database=alias, verbosity=0)
        connections[alias].close()
        unfinished.rename(path)
    return path


def _migrations() -> str:
    """Changes where a migration does."""
    files = [file for app in apps.get_app_configs() for file in sorted(Path(app.path).glob("migrations/*.py"))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]

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
from django.test import TransactionTestCase
from hypothesis import HealthCheck, Phase, settings
from pytest_django import DjangoDbBlocker

FOLDER = "MUTATION_DATABASES"
settings.register_profile(
    "mutation",
    deadline=None,
    max_examples=25,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),  # that a mutant fails is enough
    suppress_health_check=list(HealthCheck),
)


class Databases:
    """Overrides pytest-django's fixture of this name."""

    @pytest.fixture(scope="session")
    @classmethod
    def django_db_setup(cls, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
        """Each database is a copy of its own, made anew after a test that has committed: a flush takes longer."""
        copies = Path(os.environ[FOLDER]) / str(os.getpid())
        copies.mkdir(parents=True)
        with django_db_blocker.unblock():
            made = {alias: _made(alias) for alias in connections}
            for alias in connections:
                _use(alias, Path(shutil.copy(made[alias], copies)))

        def restore(test: TransactionTestCase) -> None:
            for alias in test._databases_names(include_mirrors=False):  # type: ignore[attr-defined]  # Django's own
                connections[alias].close()
                shutil.copy(made[alias], copies)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(TransactionTestCase, "_fixture_teardown", restore)
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

"""A pytest plugin, so that a test takes no longer than it must: each runs hundreds of times, on a machine that is busy.

Databases are made once, where `MUTATION_DATABASES` says, and copied for each mutant: to migrate them takes seconds. Of
made-up inputs there are few, always the same, and none is too slow.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar

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

    _made: ClassVar[dict[str, Path]] = {}
    """By alias; nothing before a test needs any."""
    _copies = Path(os.environ.get(FOLDER, "")) / str(os.getpid())

    @pytest.fixture(scope="session")
    @classmethod
    def django_db_setup(cls, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
        """Each database is a copy of its own, made anew after a test that has committed: a flush takes longer."""
        cls._copies.mkdir(parents=True)
        with django_db_blocker.unblock():
            cls._made |= {alias: _made(alias) for alias in connections}
        cls.restore()
        for alias, made in cls._made.items():
            _use(alias, cls._copies / made.name)

        def restore(test: TransactionTestCase) -> None:
            cls.restore(test._databases_names(include_mirrors=False))  # type: ignore[attr-defined]  # Django's own

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(TransactionTestCase, "_fixture_teardown", restore)
            yield
        connections.close_all()
        shutil.rmtree(cls._copies)

    @classmethod
    def restore(cls, aliases: Iterable[str] = ()) -> None:
        """As they were made; all of them for none."""
        for alias in aliases or cls._made:
            connections[alias].close()
            shutil.copy(cls._made[alias], cls._copies)


def pytest_configure(config: pytest.Config) -> None:
    """Registered so late, its fixture hides the one of pytest-django."""
    settings.load_profile("mutation")
    config.pluginmanager.register(Databases(), "mutation-databases")


def _use(alias: str, path: Path) -> None:
    connections[alias].close()
    connections[alias].settings_dict["NAME"] = str(path)


def _made(alias: str) -> Path:
    path = Path(os.environ[FOLDER]) / f"{alias}-{_tables()}.sqlite3"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}")
        _use(alias, unfinished)
        call_command("migrate", database=alias, run_syncdb=True, verbosity=0)  # an app may have no migrations
        connections[alias].close()
        unfinished.rename(path)
    return path


def _tables() -> str:
    """Changes where a migration does, or a model that may have none."""
    files = [
        file
        for app in apps.get_app_configs()
        for pattern in ("migrations/*.py", "models.py")
        for file in sorted(Path(app.path).glob(pattern))
    ]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]

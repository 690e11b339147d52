"""The reference site in this process, over servers of its own, for what is measured without a worker."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from deploy.local import Postgres, Redis


@contextmanager
def django_site(settings_module: str = "project.settings.test", **overrides: Any) -> Iterator[Redis]:
    """Set up, migrated, over PostgreSQL that syncs; `overrides` are settings. Once in a process."""
    with (
        TemporaryDirectory(prefix="benchmark-") as folder,
        Redis(Path(folder)) as redis,
        Postgres(Path(folder), durable=True) as postgres,
    ):
        os.environ |= {"DATABASE_URL": postgres.create_database("site"), "REDIS_URL": redis.url()}
        os.environ |= {"DJANGO_SETTINGS_MODULE": settings_module, "LOG_LEVEL": "ERROR"}
        import django
        from django.conf import settings
        from django.core.management import call_command
        from django.db import connections

        for name, value in overrides.items():
            setattr(settings, name, value)
        django.setup()
        call_command("migrate", verbosity=0)
        yield redis
        connections.close_all()

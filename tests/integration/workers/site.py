"""The reference site from outside: its management commands and its cache."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from deploy.local import Redis

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Site:
    """Where it runs."""

    environment: Mapping[str, str]

    @classmethod
    def without_proxies(cls, database_url: str, redis: Redis) -> Self:
        """Redis serves as broker, freshness and cache."""
        environment = {
            "DJANGO_SETTINGS_MODULE": "project.settings.test",
            "DATABASE_URL": database_url,
            "REDIS_URL": redis.url().removesuffix("/0"),
            "SITE_URLS": "http://blog.localhost",
        }
        return cls(environment)

    def manage(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command of manage.py."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=check,
            timeout=60,
        )

    def purge(self, *arguments: str, wait_seconds: int) -> dict[str, Any]:
        """`manage.py purge`; its document."""
        asked = self.manage("purge", *arguments, "--wait", str(wait_seconds), "--format", "json", check=False)
        assert asked.stdout, asked.stderr
        document: dict[str, Any] = json.loads(asked.stdout)
        return document

"""A site behind real proxies, whose application is the reference site under gunicorn."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from pytest_django import Settings

from deploy.local import Nginx, Redis, Service, Varnish, free_port
from invalidation import doctor
from invalidation.doctor import probes
from tests.fixtures.servers import SECRET

ROOT = Path(__file__).resolve().parents[3]


class Application(Service):
    """The reference site; it serves any Host, and knows a Varnish that reads its tags."""

    def __init__(self, state_folder: Path, redis: Redis, environment: Mapping[str, str] | None = None) -> None:
        self.port = free_port()
        super().__init__(
            f"application-{self.port}",
            state_folder,
            [sys.executable, "-m", "gunicorn", "project.wsgi", "--bind", self.address, "--threads", "4"],
            environment={
                "DJANGO_SETTINGS_MODULE": "project.settings.test",
                "ALLOWED_HOSTS": ".test",
                "REDIS_URL": redis.url(),
                "CELERY_BROKER_URL": "memory://",
                "VARNISH_NODES": "http://127.0.0.1:9",
                "PURGE_SECRET": SECRET,
                "LOG_LEVEL": "WARNING",
                **(environment or {}),
            },
            working_folder=ROOT,
        )

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def is_ready(self) -> bool:
        try:
            return requests.get(f"http://{self.address}/health/", timeout=2).ok
        except requests.RequestException:
            return False


@pytest.fixture(scope="session")
def application(state_folder: Path, redis_server: Redis) -> Iterator[Application]:
    with Application(state_folder, redis_server) as service:
        yield service


def product(server: Nginx | Varnish) -> str:
    """Its name, however it is broken."""
    return "Nginx" if isinstance(server, Nginx) else "Varnish"


@dataclass
class Clinic:
    """Starts proxies on the way to the application, and has the doctor look at them."""

    state_folder: Path
    application: Application
    redis: Redis
    settings: Settings
    host: str = field(default_factory=lambda: f"{uuid.uuid4().hex}.test")

    def tier(self, server: Nginx | Varnish, *fills_from: str, **options: Any) -> dict[str, Any]:
        return {
            "PROVIDER": f"invalidation.providers.{product(server).lower()}.{product(server)}",
            "NODES": [server.url],
            "FILLS_FROM": list(fills_from),
            "OPTIONS": {"SECRET": SECRET, **options},
        }

    def examine(self, port: int, **tiers: Mapping[str, Any]) -> doctor.Report:
        """Have the site, which visitors reach at `port`, examined with these tiers declared."""
        return self.examine_sites([f"http://{self.host}:{port}"], **tiers)

    def examine_sites(self, sites: Sequence[str], **tiers: Mapping[str, Any]) -> doctor.Report:
        """The same with several sites."""
        self.settings.INVALIDATION = {"TIERS": tiers, "SITES": sites, "REDIS_URL": self.redis.url(1)}
        return doctor.examine()

    def found(self, server: Nginx | Varnish, **options: Any) -> list[str]:
        """What the doctor finds at one proxy directly before the application."""
        name = product(server).lower()
        return codes(self.examine(server.public_port, **{name: self.tier(server, **options)}))

    def start(self, kind: type[Nginx] | type[Varnish], **options: Any) -> Nginx | Varnish:
        """A proxy before the application; the caller ends it as a context manager."""
        return kind(
            self.state_folder, [self.application.address], SECRET, name=f"patient-{free_port()}", options=dict(options)
        )


def codes(report: doctor.Report) -> list[str]:
    """The faults that it names."""
    return [finding.fault.code for finding in report.findings]


@pytest.fixture
def clinic(
    state_folder: Path,
    application: Application,
    redis_server: Redis,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> Clinic:
    monkeypatch.setattr(probes, "_probes", {})  # this process has neither broker nor workers
    return Clinic(state_folder, application, redis_server, settings)


@pytest.fixture
def run(clinic: Clinic) -> Callable[..., Sequence[str]]:
    """What the doctor finds at a proxy that was started as `kind` with `options`, declared with `declared`."""

    def examined(kind: type[Nginx] | type[Varnish], declared: Mapping[str, Any] | None = None, **options: Any) -> Any:
        with clinic.start(kind, **options) as server:
            return clinic.found(server, **(declared or {}))

    return examined

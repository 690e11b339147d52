"""A worker and a beat of the reference site, as processes."""

from __future__ import annotations

import sys
from pathlib import Path

from deploy.local import Service
from tests.integration.workers.site import ROOT, Site


def celery(site: Site, folder: Path, *arguments: str, says: str) -> Service:
    """A process of Celery that is ready once it says so."""
    command = [sys.executable, "-m", "celery", "-A", "workers", *arguments]
    service = Service(
        f"{arguments[0]}-{len(list(folder.glob('*.log')))}",
        folder,
        command,
        environment=site.environment,
        working_folder=ROOT,
        ready=lambda: says in service.log.read_text(errors="replace"),
    )
    return service


def worker(site: Site, folder: Path, *arguments: str) -> Service:
    return celery(site, folder, "worker", "--pool", "threads", "-c", "2", *arguments, says=" ready.")


def beat(site: Site, folder: Path) -> Service:
    schedule = str(folder / "schedule")
    return celery(
        site, folder, "beat", "--schedule", schedule, "--pidfile", "", says="Sending due task invalidation sweep"
    )

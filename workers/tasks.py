"""Celery tasks: each a name that explains itself in Flower, and one call into the app."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from structlog.contextvars import bound_contextvars

from invalidation import doctor
from invalidation.models import Delivery
from invalidation.pipeline import deliver as delivering
from invalidation.pipeline import drain as draining
from invalidation.pipeline import prune as pruning
from invalidation.pipeline import rebound as rebounding
from invalidation.pipeline import sweep as sweeping
from invalidation.pipeline import verify as verifying


@shared_task(name="invalidation.drain")
def drain(database: str = "default", events: list[str] | None = None, correlation_id: str = "") -> str:
    """Claim every pending event; `events` are those whose commit sent this task."""
    with bound_contextvars(**({"correlation_id": correlation_id} if correlation_id else {})):
        return str(draining.drain(database))


@shared_task(name="invalidation.deliver")
def deliver(database: str, delivery: int, correlation_id: str = "", **described: Any) -> str:
    """Purge one batch from one node; `described` says which, for the person who looks at Flower."""
    with bound_contextvars(correlation_id=correlation_id):
        ended = delivering.deliver(database, delivery)
    return result(ended) if ended else "not due: final already, or another worker has it"


def result(delivery: Delivery) -> str:
    """One line: what became of it."""
    removed = "" if delivery.removed is None else f", removed {delivery.removed}"
    error = f": {delivery.error}" if delivery.error else ""
    return f"{delivery.status} in {delivery.milliseconds:.1f} ms, {delivery.calls} calls{removed}{error}"


@shared_task(name="invalidation.sweep")
def sweep(database: str = "default") -> dict[str, int]:
    """Announce again what stands still."""
    return sweeping.sweep(database)


@shared_task(name="invalidation.rebound")
def rebound(database: str = "default") -> str:
    """Purge again what was purged a longest render ago."""
    return str(rebounding.rebound(database))


@shared_task(name="invalidation.verify")
def verify(database: str = "default") -> str:
    """Ask every node for a sample of what was purged."""
    return str(verifying.verify(database))


@shared_task(name="invalidation.prune")
def prune() -> dict[str, int]:
    """Delete finished history that is older than the retention."""
    return pruning.prune()


@shared_task(name="invalidation.canary")
def canary() -> str:
    """Put a canary through every tier, and name what is configured wrong."""
    report = doctor.examine()
    doctor.remember(report)
    return (
        "; ".join(f"{finding.fault.code} {finding.node}".strip() for finding in report.findings) or "nothing is wrong"
    )

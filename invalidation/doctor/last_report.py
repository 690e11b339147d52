"""Remembers the newest report, for the admin and for metrics."""

from __future__ import annotations

from typing import Any

from invalidation import lazy
from invalidation.doctor.faults import Report
from invalidation.freshness.clients import keep, kept
from invalidation.signals import examined, tell

logger = lazy.Logger(__name__)

KEY = "invalidation:doctor"


def remember(report: Report) -> None:
    """Keep the report, log each finding, tell the listeners."""
    for finding in report.findings:
        logger.warning("misconfigured", **finding.document())
    keep(KEY, report.document())
    tell(examined, "examination_receiver_failed", report=report)


def remembered() -> dict[str, Any] | None:
    """The document of the newest report; None where there is none, or Redis is away."""
    document: dict[str, Any] | None = kept(KEY)
    return document

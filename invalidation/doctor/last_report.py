"""Remembers the newest report in Redis, for the admin and for metrics."""

from __future__ import annotations

import json
from typing import Any

from invalidation import lazy
from invalidation.doctor.faults import Report
from invalidation.freshness.clients import UNAVAILABLE, client
from invalidation.signals import examined, tell

logger = lazy.Logger(__name__)

KEY = "invalidation:doctor"
KEPT_SECONDS = 7 * 86_400


def remember(report: Report) -> None:
    """Store the report, log each finding, tell the listeners."""
    for finding in report.findings:
        logger.warning("misconfigured", **finding.document())
    if server := client():
        try:
            server.set(KEY, json.dumps(report.document()), ex=KEPT_SECONDS)
        except UNAVAILABLE as error:
            logger.warning("report_not_remembered", error=str(error))
    tell(examined, "examination_receiver_failed", report=report)


def remembered() -> dict[str, Any] | None:
    """The document of the newest report; None where there is none, or Redis is away."""
    server = client()
    try:
        stored = server.get(KEY) if server else None
    except UNAVAILABLE:
        return None
    document: dict[str, Any] | None = json.loads(stored) if stored else None
    return document

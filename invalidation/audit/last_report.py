"""Remembers the newest report, for the admin."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from invalidation.audit.findings import Report
from invalidation.freshness.clients import keep, kept

KEY = "invalidation:audit"
#: Findings that are remembered of one report; who mends so many runs the command for the rest.
MOST_FINDINGS = 500


def remember(report: Report, parts: Collection[str]) -> None:
    """Keep the report, and of what it is one."""
    document = report.document()
    found = document["findings"]
    keep(KEY, {**document, "findings": found[:MOST_FINDINGS], "found": len(found), "parts": sorted(parts)})


def remembered() -> dict[str, Any] | None:
    """The document of the newest report; None where there is none, or Redis is away."""
    document: dict[str, Any] | None = kept(KEY)
    return document

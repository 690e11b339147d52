"""The newest report of an audit, its findings by what mends them, and the button that asks for another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.dateparse import parse_datetime

from invalidation.admin.pages.report import ReportView
from invalidation.audit import last_report
from invalidation.signals import audit_due, tell

#: Of one kind; the command lists them all.
MOST_SHOWN = 50


class AuditView(ReportView):
    """An audit reads up to 20,000 pages and events, for which no request should wait: a worker does it."""

    title, template, button = "Audit", "audit.html", "Audit now"
    asked = "A worker audits; its report appears here by itself in a minute or so, if a worker runs."

    def shown(self) -> dict[str, Any]:
        """The report as the template reads it."""
        return {"report": shown(last_report.remembered())}

    def ask(self) -> None:
        """Let a worker audit."""
        tell(audit_due, "audit_not_enqueued")


def shown(report: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What the template shows of a report."""
    if report is None:
        return None
    mood = "bad" if report["findings"] else "warn" if report["not_held"] else "well"
    audited_at = parse_datetime(report["audited_at"])
    return {**report, "audited_at": audited_at, "mood": mood, "kinds": _kinds(report["findings"])}


def _kinds(findings: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each kind once, with what was found of it: one remedy mends them all."""
    kinds: dict[str, dict[str, Any]] = {}
    for finding in findings:
        same = {name: finding[name] for name in ("code", "words", "remedy")}
        kinds.setdefault(finding["code"], {**same, "findings": []})["findings"].append(finding)
    return [
        {**kind, "more": max(0, len(kind["findings"]) - MOST_SHOWN), "limit": MOST_SHOWN} for kind in kinds.values()
    ]

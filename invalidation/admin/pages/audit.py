"""The newest report of an audit, its findings by what mends them, and the button that asks for another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.dateparse import parse_datetime

from invalidation.admin.base import ReadOnlyAdmin
from invalidation.audit import last_report
from invalidation.signals import audit_due, tell

#: Of one kind; the command lists them all.
MOST_SHOWN = 50


class AuditView:
    """An audit reads up to 20,000 pages and events, for which no request should wait: a worker does it."""

    __name__ = "AuditView"

    def __init__(self, model_admin: ReadOnlyAdmin) -> None:
        self.model_admin = model_admin

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Show the report, or have a new one made."""
        if not self.model_admin.may_view_all(request):
            raise PermissionDenied
        if request.method == "POST":
            return self._ask(request)
        context = {"title": "Audit", "opts": self.model_admin.opts, "report": shown(last_report.remembered())}
        context |= {"may_purge": self.model_admin.has_purge_permission(request)}
        context |= self.model_admin.admin_site.each_context(request)
        return TemplateResponse(request, "admin/invalidation/event/audit.html", context)

    def _ask(self, request: HttpRequest) -> HttpResponse:
        if not self.model_admin.has_purge_permission(request):
            raise PermissionDenied
        tell(audit_due, "audit_not_enqueued")
        messages.info(request, "A worker audits; its report is here when it is done, in a minute or so.")
        return redirect(request.path)


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

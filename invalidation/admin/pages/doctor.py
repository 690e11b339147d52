"""The doctor's newest report, and the button that asks for another."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.dateparse import parse_datetime

from invalidation import doctor
from invalidation.admin.base import ReadOnlyAdmin
from invalidation.signals import examination_due, tell


class DoctorView:
    """Examinations run in a worker: in the web process the canary might wait for the process that waits for it."""

    __name__ = "DoctorView"

    def __init__(self, model_admin: ReadOnlyAdmin) -> None:
        self.model_admin = model_admin

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Show the report, or have a new one made."""
        if not self.model_admin.may_view_all(request):
            raise PermissionDenied
        if request.method == "POST":
            return self._ask(request)
        report = doctor.remembered()
        context: dict[str, Any] = {"title": "Doctor", "opts": self.model_admin.opts, "report": report}
        context |= {"examined_at": parse_datetime(report["examined_at"]) if report else None}
        context |= {"may_purge": self.model_admin.has_purge_permission(request)}
        context |= self.model_admin.admin_site.each_context(request)
        return TemplateResponse(request, "admin/invalidation/event/doctor.html", context)

    def _ask(self, request: HttpRequest) -> HttpResponse:
        if not self.model_admin.has_purge_permission(request):
            raise PermissionDenied
        tell(examination_due, "examination_not_enqueued")
        messages.info(request, "A worker examines everything; its report is here in a few seconds.")
        return redirect(request.path)

"""A page that shows the newest report of something a worker does, and has a button that asks for another."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.response import TemplateResponse

from invalidation.admin.base import ReadOnlyAdmin

#: How often a page that somebody looks at asks whether there is a newer report.
REFRESH_SECONDS = 4


class ReportView:
    """Subclassed by each kind of report; no request waits for one to be made. `?fragment` is the part that changes."""

    title: ClassVar[str]
    template: ClassVar[str]
    button: ClassVar[str]
    asked: ClassVar[str]
    """Said to who pressed the button."""

    def __init__(self, model_admin: ReadOnlyAdmin) -> None:
        self.model_admin = model_admin
        self.__name__ = type(self).__name__

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Show the report, or have a new one made."""
        if not self.model_admin.may_view_all(request):
            raise PermissionDenied
        if request.method == "POST":
            return self._ask(request)
        template = f"admin/invalidation/event/{self.template}"
        context = {"may_purge": self.model_admin.has_purge_permission(request), **self.shown()}
        if "fragment" in request.GET:
            return render(request, template, context)
        context |= {"title": self.title, "button": self.button, "report_template": template}
        context |= {"refresh_seconds": REFRESH_SECONDS, "opts": self.model_admin.opts}
        context |= self.model_admin.admin_site.each_context(request)
        return TemplateResponse(request, "admin/invalidation/event/report.html", context)

    def shown(self) -> dict[str, Any]:
        """What the template is given of the newest report."""
        raise NotImplementedError

    def ask(self) -> None:
        """Let a worker make another."""
        raise NotImplementedError

    def _ask(self, request: HttpRequest) -> HttpResponse:
        if not self.model_admin.has_purge_permission(request):
            raise PermissionDenied
        self.ask()
        messages.info(request, self.asked)
        return redirect(request.path)

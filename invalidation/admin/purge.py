"""The manual purge: form, preview, confirmation, event, status page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse

import invalidation
from invalidation import conf
from invalidation.admin.forms import PurgeForm
from invalidation.admin.summary import targets_summary
from invalidation.exceptions import InvalidTarget
from invalidation.models import Event
from invalidation.pipeline.preview import preview
from invalidation.pipeline.reach import needs_confirmation

if TYPE_CHECKING:
    from invalidation.admin.events import EventAdmin


class PurgeView:
    """Two steps: nothing is purged before its plan was shown."""

    __name__ = "PurgeView"

    def __init__(self, model_admin: EventAdmin) -> None:
        self.model_admin = model_admin

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Form, preview or purge, by the button that was pressed."""
        if not self.model_admin.has_purge_permission(request):
            raise PermissionDenied
        form = self._form(request)
        if "confirm" in request.POST and form.is_valid():
            unasked = "confirm_wide" not in request.POST and needs_confirmation(form.targets())
            return self._preview(request, form) if unasked else self._purge(request, form)
        if "preview" in request.POST and form.is_valid():
            return self._preview(request, form)
        return self._page(request, "purge_form", form)

    def _form(self, request: HttpRequest) -> PurgeForm:
        """Filled from the request; a link may fill the first step by its query."""
        may = request.user.has_perm("invalidation.purge_everything")
        if request.method == "POST":
            return PurgeForm(request.POST, may_purge_everything=may)
        return PurgeForm(initial=request.GET.dict(), may_purge_everything=may)

    def _preview(self, request: HttpRequest, form: PurgeForm) -> HttpResponse:
        try:
            plan = list(preview(form.targets(), form.cleaned_data["tiers"] or None))
        except InvalidTarget as error:
            form.add_error(None, str(error))
            return self._page(request, "purge_form", form)
        rows = [{"planned": planned, "calls": len(list(planned.steps))} for planned in plan]
        asked = {"targets": form.targets().document(), "wide": needs_confirmation(form.targets())}
        return self._page(request, "purge_preview", form, rows=rows, **asked)

    def _purge(self, request: HttpRequest, form: PurgeForm) -> HttpResponse:
        """Event and audit entry in one transaction; announced when it commits."""
        database = conf.settings().databases[0]
        with transaction.atomic(using=database):
            event = enqueue(request, using=database, **form.arguments())
            self.model_admin.log_addition(request, event, f"Purge of {targets_summary(event.targets)}.")
        return redirect("admin:invalidation_event_change", event.pk)

    def _page(self, request: HttpRequest, name: str, form: PurgeForm, **context: Any) -> HttpResponse:
        site = self.model_admin.admin_site.each_context(request)
        context |= {"title": "Purge cached copies", "opts": self.model_admin.opts, "form": form, **site}
        return TemplateResponse(request, f"admin/invalidation/event/{name}.html", context)


def enqueue(request: HttpRequest, **arguments: Any) -> Event:
    """Store an event whose source is the admin and whose actor is the signed-in user."""
    return invalidation.invalidate(source="admin", actor=request.user.get_username(), **arguments)

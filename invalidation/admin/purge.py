"""The manual purge: form, preview, confirmation, event, status page."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse

import invalidation
from invalidation import conf
from invalidation.admin.base import ReadOnlyAdmin
from invalidation.admin.forms import PurgeForm
from invalidation.admin.summary import targets_summary
from invalidation.emission.api import stored
from invalidation.exceptions import InvalidTarget
from invalidation.models import Event
from invalidation.pipeline.delivery.breaker import breakers
from invalidation.status.forecast import forecast
from invalidation.status.gate import Wide
from invalidation.targets.values import CachePlace, Source


class PurgeView:
    """Two steps: nothing is purged before its plan was shown."""

    __name__ = "PurgeView"

    def __init__(self, model_admin: ReadOnlyAdmin) -> None:
        self.model_admin = model_admin

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Form, preview or purge, by the button that was pressed."""
        if not self.model_admin.has_purge_permission(request):
            raise PermissionDenied
        form = self._form(request)
        pressed = {"confirm", "preview"} & set(request.POST)
        return self._judged(request, form) if pressed and form.is_valid() else self._page(request, "purge_form", form)

    def _form(self, request: HttpRequest) -> PurgeForm:
        """Filled from the request; a link may fill the first step by its query."""
        return PurgeForm(request.POST) if request.method == "POST" else PurgeForm(initial=request.GET.dict())

    def _judged(self, request: HttpRequest, form: PurgeForm) -> HttpResponseBase:
        """Purge what was confirmed, else show what it would do."""
        try:
            seen = forecast(form.targets(), form.chosen_tiers())
        except InvalidTarget as error:
            return self._refused(request, form, str(error))
        if seen.wide and not permits(request, seen.wide):
            return self._refused(request, form, seen.wide.refusal)
        if "confirm" in request.POST and confirms(request, seen.wide):
            return self._purge(request, form)
        told = seen.document()
        share = None if seen.share is None else 100 * seen.share
        told["tiers"] = _with_standing(told["tiers"])
        shown = {"forecast": told, "targets": told["targets"], "share": share, "wide": seen.wide}
        return self._page(request, "purge_preview", form, **shown)

    def _refused(self, request: HttpRequest, form: PurgeForm, sentence: str) -> HttpResponse:
        form.add_error(None, sentence)
        return self._page(request, "purge_form", form)

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


def _with_standing(rows: list[Any]) -> list[Any]:
    """Each node's plan, and whether workers leave that node alone now."""
    alone = {name for name, state in breakers().items() if state == "open"}
    return [{**row, "away": str(CachePlace(row["tier"], row["node"])) in alone} for row in rows]


def enqueue(request: HttpRequest, **arguments: Any) -> Event:
    """Store an event whose source is the admin and whose actor is the signed-in user."""
    return stored(invalidation.invalidate(source=Source.ADMIN, actor=request.user.get_username(), **arguments))


def permits(request: HttpRequest, wide: Wide | None) -> bool:
    """May the signed-in user purge so much?"""
    return wide is None or any(map(request.user.has_perm, wide.permissions))


def confirms(request: HttpRequest, wide: Wide | None) -> bool:
    """Was what is asked for typed?"""
    return wide is None or wide.confirmed(request.POST.get("confirm_wide", ""))

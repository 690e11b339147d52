"""A "Purge cached copies" action for the admin of any registered model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IS_POPUP_VAR
from django.db import DEFAULT_DB_ALIAS, transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.html import format_html

from invalidation.admin.base import link
from invalidation.admin.purge import confirms, enqueue, permits
from invalidation.emission import evaluation
from invalidation.emission.registry import rules_for
from invalidation.status.gate import Wide, judge
from invalidation.targets.values import Targets, union

ACTION = "purge_cached_copies"

if TYPE_CHECKING:
    Base = admin.ModelAdmin
else:
    Base = object


class PurgeAdminMixin(Base):  # type: ignore[type-arg]  # generic in the stubs alone
    """Mix into a ModelAdmin whose model is registered with `invalidation.register`, before ModelAdmin."""

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """The model's own actions, and the purge for those who may."""
        actions = super().get_actions(request)
        if IS_POPUP_VAR not in request.GET and self.has_purge_permission(request):
            actions[ACTION] = self.get_action(ACTION)
        return actions

    def has_purge_permission(self, request: HttpRequest) -> bool:
        """May this user enqueue purges?"""
        return request.user.has_perm("invalidation.purge")

    @admin.action(description="Purge cached copies", permissions=["purge"])
    def purge_cached_copies(self, request: HttpRequest, queryset: QuerySet[Any]) -> TemplateResponse | None:
        """Enqueue one purge of everything that the selected objects appear in; where that is wide, once confirmed."""
        instances = list(queryset)
        targets = union(targets_of(instance) for instance in instances)
        wide = judge(targets)
        if not targets:
            self.message_user(request, "No rules are registered for these objects.", messages.WARNING)
        elif not permits(request, wide):
            self.message_user(request, f"Nothing was purged. {wide.refusal if wide else ''}", messages.ERROR)
        elif not confirms(request, wide):
            return self._asked(request, targets, wide)
        else:
            self._purge_copies(request, queryset.db, instances, targets)
        return None

    def _asked(self, request: HttpRequest, targets: Targets, wide: Wide | None) -> TemplateResponse:
        """A page that repeats the action with what was typed."""
        context = {"title": "Purge cached copies", "opts": self.opts, "targets": targets.document(), "wide": wide}
        context |= {"selected": request.POST.getlist(ACTION_CHECKBOX_NAME), "action": ACTION}
        context |= {"across": request.POST.get("select_across", "0"), **self.admin_site.each_context(request)}
        return TemplateResponse(request, "admin/invalidation/purge_selected.html", context)

    def _purge_copies(self, request: HttpRequest, database: str, instances: list[Any], targets: Targets) -> None:
        reason = f"{len(instances)} selected: {', '.join(map(str, instances))}"
        with transaction.atomic(using=database):
            event = enqueue(request, using=database, reason=reason, **targets.arguments())
            for instance in instances:
                self.log_change(request, instance, f"Purged cached copies, event {event.uid}.")
        page = link("event", event.pk, "Follow the purge")
        self.message_user(request, format_html("Cached copies are being purged. {}", page), messages.SUCCESS)


def targets_of(instance: Model) -> Targets:
    """What the rules name, and the object's own tag even where it is not public."""
    model, using = type(instance), instance._state.db or DEFAULT_DB_ALIAS
    default = evaluation.default_targets(rules_for(model), instance, using)
    return default | evaluation.row_targets([instance], model, using)

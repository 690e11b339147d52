"""For the admin of any registered model: an action and a button that purge, a word after saving, and the history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IS_POPUP_VAR
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db import DEFAULT_DB_ALIAS, transaction
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import select_template
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from invalidation.admin import objects
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

    def get_urls(self) -> list[URLPattern]:
        """The model's own, and the purges of one object before them."""
        options = self.opts
        view = self.admin_site.admin_view(self.purges_view)
        name = f"{options.app_label}_{options.model_name}_purges"
        return [path("<path:object_id>/purges/", view, name=name), *super().get_urls()]

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """As the model's own; who saved and may see own purges is told that they run, with a link to them."""
        if request.method != "POST" or not self.may_view_purges(request):
            return super().changeform_view(request, *args, **kwargs)
        with objects.telling(request):
            return super().changeform_view(request, *args, **kwargs)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """The project's own template with one more button."""
        response = super().render_change_form(request, context, *args, **kwargs)
        instance = context.get("original")
        if isinstance(response, TemplateResponse) and instance and self.may_view_purges(request):
            names = response.template_name
            found = select_template([*names] if isinstance(names, list | tuple) else [str(names)])
            shown = {"parent_template": found, "purges_url": self._purges_url(instance)}
            response.context_data = {**(response.context_data or {}), **shown}
            response.template_name = "admin/invalidation/purgeable.html"
        return response

    def purges_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What was purged of one object, and the button that purges it again."""
        instance = self.get_object(request, unquote(object_id))
        if instance is None:
            raise Http404
        if not (self.has_view_permission(request, instance) and self.may_view_purges(request)):
            raise PermissionDenied
        everybodys = _has_any(request, "view_event", "purge")
        context = {"title": f"Purges of {instance}", "opts": self.opts, "original": instance, "action": ACTION}
        context |= {"events": objects.history(instance, request, everybodys=everybodys)}
        context |= {"why_url": objects.why(instance) if everybodys else ""}
        context |= {"may_purge": self.has_purge_permission(request), **self.admin_site.each_context(request)}
        return TemplateResponse(request, "admin/invalidation/object_purges.html", context)

    def _purges_url(self, instance: Model) -> str:
        name = f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_purges"
        return reverse(name, args=[quote(instance.pk)])

    def may_view_purges(self, request: HttpRequest) -> bool:
        """May this user see the purges of own changes, at least?"""
        return _has_any(request, "view_own", "view_event", "purge")

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
        reason = objects.selected(instances)
        with transaction.atomic(using=database):
            event = enqueue(request, using=database, reason=reason, **targets.arguments())
            for instance in instances:
                self.log_change(request, instance, f"Purged cached copies, event {event.uid}.")
        page = link("event", event.pk, "Follow the purge")
        self.message_user(request, format_html("Cached copies are being purged. {}", page), messages.SUCCESS)


def _has_any(request: HttpRequest, *permissions: str) -> bool:
    return any(request.user.has_perm(f"invalidation.{permission}") for permission in permissions)


def targets_of(instance: Model) -> Targets:
    """What the rules name, and the object's own tag even where it is not public."""
    model, using = type(instance), instance._state.db or DEFAULT_DB_ALIAS
    default = evaluation.default_targets(rules_for(model), instance, using)
    return default | evaluation.row_targets([instance], model, using)

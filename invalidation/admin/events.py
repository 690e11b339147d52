"""Events: what changed, who caused it, and the page that tells how far its purge is."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from invalidation.admin.base import (
    SEARCHED_ROWS,
    ReadOnlyAdmin,
    cause,
    duration,
    instant,
    link,
    named,
    standing,
    uid_of,
)
from invalidation.admin.pages.audit import AuditView
from invalidation.admin.pages.dashboard import DashboardView, ReplayView
from invalidation.admin.pages.doctor import DoctorView
from invalidation.admin.pages.event_page import EventPage
from invalidation.admin.pages.why import WhyView
from invalidation.admin.purge import PurgeView
from invalidation.admin.summary import targets_summary
from invalidation.models import Event
from invalidation.rows import instants
from invalidation.targets.values import Source


class SourceFilter(admin.SimpleListFilter):
    """By source, from the sources that there are; asking the table for them would read all of it."""

    title = "source"
    parameter_name = "source"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Every value that the app writes."""
        return [(source, source) for source in Source.values]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        """Events of the chosen source."""
        return queryset.filter(source=self.value()) if self.value() else queryset


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """Read-only list, status pages, and the way to the purge form."""

    list_display = (*("short_uid", "created", "standing", "took", "lane", "cause", "summary", "batch_link"),)
    list_filter = ("status", "lane", "mode", SourceFilter, "created_at")
    search_fields = ("actor__istartswith", "reason__icontains")
    search_help_text = (
        "Beginning of an id, or a whole correlation id; else the beginning of an actor's name, or words of a reason, "
        f"in the newest {SEARCHED_ROWS:,} events"
    )

    cause, standing = cause, standing
    created = instant("created_at")

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Who may view own purges sees those of the own changes, and no others."""
        if self.may_view_all(request):
            return True
        own = request.user.has_perm("invalidation.view_own")
        return own and (obj is None or getattr(obj, "actor", "") == request.user.get_username())

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        """Everybody's, or the user's own among the newest: no index knows who caused them."""
        rows = super().get_queryset(request)
        if self.may_view_all(request):
            return rows
        newest = rows.order_by("-id").values_list("id", flat=True).first() or 0
        return rows.filter(id__gt=newest - SEARCHED_ROWS, actor=request.user.get_username())

    def get_urls(self) -> list[URLPattern]:
        """Own pages before those of single events, whose pattern takes anything."""
        wrap = self.admin_site.admin_view
        return [
            path("purge/", wrap(PurgeView(self)), name="invalidation_event_purge"),
            path("overview/", wrap(DashboardView(self)), name="invalidation_event_overview"),
            path("replay/", wrap(ReplayView(self)), name="invalidation_event_replay"),
            path("why/", wrap(WhyView(self)), name="invalidation_event_why"),
            path("doctor/", wrap(DoctorView(self)), name="invalidation_event_doctor"),
            path("audit/", wrap(AuditView(self)), name="invalidation_event_audit"),
            *super().get_urls(),
        ]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Event], search_term: str
    ) -> tuple[QuerySet[Event], bool]:
        """Ids, as lists and logs show them, are looked up by their index; anything else is searched for as text."""
        for known in named(queryset, search_term.strip()):
            if known.exists():
                return known, False
        return super().get_search_results(request, queryset, search_term)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Event | None:
        """By primary key, or by the id that commands, logs and tasks show."""
        if uid := uid_of(object_id):
            return self.get_queryset(request).filter(uid=uid).first()
        return super().get_object(request, object_id, from_field)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, with a button for those who may purge."""
        context = {"may_purge": self.has_purge_permission(request), "may_view_all": self.may_view_all(request)}
        context |= extra_context or {}
        return super().changelist_view(request, context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The status page: where it stands, its cause, what happened; up to date until all of it is final."""
        event = self.get_object(request, object_id)
        if event is None and self._is_to_come(request, object_id):
            return redirect("admin:invalidation_scheduledevent_change", object_id)
        if event is None:
            return super().change_view(request, object_id, form_url, extra_context)
        if not self.has_view_permission(request, event):
            raise PermissionDenied
        return EventPage(self)(request, event)

    def _is_to_come(self, request: HttpRequest, object_id: str) -> bool:
        uid = uid_of(object_id)
        return uid is not None and instants.on(self.get_queryset(request).db).filter(uid=uid).exists()

    @admin.display(description="event", ordering="id")
    def short_uid(self, event: Event) -> str:
        """The first characters of the id."""
        return str(event.uid)[:8]

    @admin.display(description="targets")
    def summary(self, event: Event) -> str:
        """Targets in one line."""
        return targets_summary(event.targets)

    @admin.display(description="batch", ordering="batch_id")
    def batch_link(self, event: Event) -> SafeString | str:
        """Link to the batch."""
        return link("batch", event.batch_id, str(event.batch_id))

    @admin.display(description="took")
    def took(self, event: Event) -> str:
        """From the change to the end of its purge."""
        return duration(event.created_at, event.completed_at)

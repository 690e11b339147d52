"""Scheduled events: what is to come, and the withdrawal of what somebody has asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.models import DELETION, LogEntry
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from invalidation.admin.base import ReadOnlyAdmin, cause, instant, named, uid_of
from invalidation.admin.summary import targets_summary
from invalidation.models import Event, ScheduledEvent
from invalidation.pipeline.withdrawal import NotWithdrawn, withdraw
from invalidation.rows import events
from invalidation.status.overview.alarms import lasted
from invalidation.status.scheduled import as_event

#: Of those that could not be withdrawn, whose reason is told.
MOST_REASONS = 5


class OriginFilter(admin.SimpleListFilter):
    """By whose it is."""

    title = "origin"
    parameter_name = "origin"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """There are two kinds."""
        return [("asked", "asked for"), ("rows", "rows that change by themselves")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ScheduledEvent]) -> QuerySet[ScheduledEvent]:
        """Those of one kind."""
        if self.value() == "asked":
            return queryset.filter(model="")
        return queryset.exclude(model="") if self.value() == "rows" else queryset


@admin.register(ScheduledEvent)
class ScheduledEventAdmin(ReadOnlyAdmin):
    """Read-only list, the next first; withdrawn by an action, or on the page of one."""

    actions = ("withdraw_selected",)
    change_form_template = "admin/invalidation/scheduled.html"
    list_display = ("short_uid", "due", "left", "lane", "mode", "cause", "summary")
    list_display_links = None  # by the id that stays the same, not by the key of a row that goes
    list_filter = (OriginFilter, "lane", "mode", "due_at")
    ordering = ("due_at", "id")
    search_fields = ("actor__istartswith", "reason__icontains")
    search_help_text = "Beginning of an id, or a whole correlation id; the beginning of an actor's name, or words"
    fields = (*("due", "left", "cause", "purges", "lane", "mode", "for_tiers"), *("created", "correlation_id", "uid"))
    readonly_fields = fields

    cause = cause
    due, created = instant("due_at"), instant("created_at")

    def may_view_all(self, request: HttpRequest) -> bool:
        """Who may look at events may also look at those to come."""
        return request.user.has_perm("invalidation.view_event") or super().may_view_all(request)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ScheduledEvent], search_term: str
    ) -> tuple[QuerySet[ScheduledEvent], bool]:
        """By id and correlation id first, as events are."""
        known = (rows for rows in named(queryset, search_term.strip()) if rows.exists())
        found = next(known, None)
        return (found, False) if found is not None else super().get_search_results(request, queryset, search_term)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> ScheduledEvent | None:
        """By the id that everything shows, or by primary key."""
        if uid := uid_of(object_id):
            return self.get_queryset(request).filter(uid=uid).first()
        return super().get_object(request, object_id, from_field)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Its page, its withdrawal, or the page of the event that has come of it."""
        scheduled = self.get_object(request, object_id)
        if scheduled is None and (event := self._event(request, object_id)):
            return redirect("admin:invalidation_event_change", event.pk)
        if scheduled and "withdraw" in request.POST and self.has_purge_permission(request):
            left = self._withdraw(request, [scheduled])
            page = ("change", [scheduled.uid]) if left else ("changelist", [])
            return redirect(f"admin:invalidation_scheduledevent_{page[0]}", *page[1])
        may_withdraw = scheduled is not None and not scheduled.model and self.has_purge_permission(request)
        title = {"title": f"Scheduled: {self.summary(scheduled)}" if scheduled else "Scheduled event", "subtitle": None}
        context = {"may_withdraw": may_withdraw, **title, **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)

    def _event(self, request: HttpRequest, object_id: str) -> Event | None:
        uid = uid_of(object_id)
        return events.on(self.get_queryset(request).db).filter(uid=uid).first() if uid else None

    @admin.action(description="Withdraw selected scheduled events", permissions=["purge"])
    def withdraw_selected(self, request: HttpRequest, queryset: QuerySet[ScheduledEvent]) -> None:
        """Those that somebody has asked for, and whose time has not come."""
        self._withdraw(request, list(queryset))

    def _withdraw(self, request: HttpRequest, rows: Sequence[ScheduledEvent]) -> list[str]:
        """Each by itself, with an audit entry; tells why some were left."""
        left = [reason for reason in (self._withdraw_one(request, row) for row in rows) if reason]
        if number := len(rows) - len(left):
            words = "1 scheduled purge is" if number == 1 else f"{number} scheduled purges are"
            self.message_user(request, f"{words} withdrawn.", messages.SUCCESS)
        for reason in left[:MOST_REASONS]:
            self.message_user(request, reason, messages.WARNING)
        if len(left) > MOST_REASONS:
            self.message_user(request, f"{len(left) - MOST_REASONS} more are left for such reasons.", messages.WARNING)
        return left

    def _withdraw_one(self, request: HttpRequest, row: ScheduledEvent) -> str:
        database = row._state.db or "default"
        try:
            with transaction.atomic(using=database):
                withdraw(database, row.uid, actor=request.user.get_username())
                key, words = cast("int", request.user.pk), f"Withdrawn: {self.summary(row)}."
                LogEntry.objects.log_actions(key, [row], DELETION, words)
        except NotWithdrawn as error:
            return f"{str(row.uid)[:8]} is left as it is. {error}"
        return ""

    @admin.display(description="event", ordering="id")
    def short_uid(self, row: ScheduledEvent) -> SafeString:
        """The first characters of the id, and the way to the page."""
        url = reverse("admin:invalidation_scheduledevent_change", args=[row.uid])
        return format_html('<a href="{}">{}</a>', url, str(row.uid)[:8])

    @admin.display(description="in", ordering="due_at")
    def left(self, row: ScheduledEvent) -> str:
        """`2 h`."""
        seconds = (row.due_at - timezone.now()).total_seconds()
        return lasted(seconds) if seconds > 0 else "due"

    @admin.display(description="targets")
    def summary(self, row: ScheduledEvent) -> str:
        """Targets in one line; the row's tags where it is one that changes."""
        return targets_summary(self._targets(row))

    @admin.display(description="tiers")
    def for_tiers(self, row: ScheduledEvent) -> str:
        """Names of those that it is kept to."""
        return row.tiers or "all"

    @admin.display(description="purges")
    def purges(self, row: ScheduledEvent) -> SafeString:
        """All of its targets, kind by kind."""
        return render_to_string("admin/invalidation/event/targets.html", {"targets": self._targets(row)})

    def _targets(self, row: ScheduledEvent) -> Any:
        return as_event(row, row._state.db or "default").targets

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Of nobody's own: no page of an object leads here."""
        return self.may_view_all(request)

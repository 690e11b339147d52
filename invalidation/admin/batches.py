"""Batches: what was merged, and how it ended."""

from __future__ import annotations

from django.contrib import admin
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from invalidation.admin.base import ReadOnlyAdmin, duration, instant, list_link, standing
from invalidation.admin.summary import targets_summary
from invalidation.models import Batch


@admin.register(Batch)
class BatchAdmin(ReadOnlyAdmin):
    """Read-only list; each row leads to its events and deliveries."""

    list_display = ("id", "created", "lane", "standing", "summary", "event_list", "delivery_list", "took")
    list_filter = ("status", "lane", "mode", "created_at")
    fields = (
        *("standing", "delivery_list", "event_list", "lane", "mode", "for_tiers", "created", "completed", "took"),
        *("rebound", "verified", "refreshed", "sequence", "purges"),
    )
    readonly_fields = fields

    standing = standing
    created, completed = instant("created_at"), instant("completed_at")
    rebound, verified = instant("rebound_at", "rebound due at"), instant("verified_at", "verification ended at")
    refreshed = instant("refreshed_at")

    @admin.display(description="tiers")
    def for_tiers(self, batch: Batch) -> str:
        """Those that were named, else every one."""
        return batch.tiers or "all"

    @admin.display(description="purges")
    def purges(self, batch: Batch) -> SafeString:
        """All of its targets, kind by kind."""
        return render_to_string("admin/invalidation/event/targets.html", {"targets": batch.targets})

    @admin.display(description="targets")
    def summary(self, batch: Batch) -> str:
        """Targets in one line."""
        return targets_summary(batch.targets)

    @admin.display(description="events")
    def event_list(self, batch: Batch) -> SafeString | str:
        """Link to the events that were merged."""
        number = batch.event_count
        return list_link("event", batch.pk, f"{number} event{'s' * (number != 1)}") if number else "none: a rebound"

    @admin.display(description="deliveries")
    def delivery_list(self, batch: Batch) -> SafeString:
        """Link to the deliveries."""
        return list_link("delivery", batch.pk, "deliveries")

    @admin.display(description="took")
    def took(self, batch: Batch) -> str:
        """From its making to its end."""
        return duration(batch.created_at, batch.completed_at)

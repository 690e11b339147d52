"""Batches: what was merged, and how it ended."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString

from invalidation.admin.base import ReadOnlyAdmin, duration, list_link
from invalidation.admin.summary import targets_summary
from invalidation.models import Batch


@admin.register(Batch)
class BatchAdmin(ReadOnlyAdmin):
    """Read-only list; each row leads to its events and deliveries."""

    list_display = ("id", "created_at", "lane", "status", "summary", "event_list", "delivery_list", "took")
    list_filter = ("status", "lane", "created_at")
    fields = (
        *("status", "lane", "tiers", "created_at", "completed_at", "took", "sequence", "rebound_at"),
        *("targets", "event_list", "delivery_list"),
    )
    readonly_fields = fields

    @admin.display(description="targets")
    def summary(self, batch: Batch) -> str:
        """Targets in one line."""
        return targets_summary(batch.targets)

    @admin.display(description="events")
    def event_list(self, batch: Batch) -> SafeString:
        """Link to the events that were merged."""
        return list_link("event", batch.pk, f"{batch.event_count} events")

    @admin.display(description="deliveries")
    def delivery_list(self, batch: Batch) -> SafeString:
        """Link to the deliveries."""
        return list_link("delivery", batch.pk, "deliveries")

    @admin.display(description="took")
    def took(self, batch: Batch) -> str:
        """From its making to its end."""
        return duration(batch.created_at, batch.completed_at)

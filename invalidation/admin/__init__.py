"""The admin: lists of what happened, a form for manual purges, replay of dead letters."""

from __future__ import annotations

from invalidation.admin.batches import BatchAdmin
from invalidation.admin.deliveries import DeliveryAdmin
from invalidation.admin.events import EventAdmin
from invalidation.admin.mixin import PurgeAdminMixin
from invalidation.admin.scheduled import ScheduledEventAdmin

__all__ = ["BatchAdmin", "DeliveryAdmin", "EventAdmin", "PurgeAdminMixin", "ScheduledEventAdmin"]

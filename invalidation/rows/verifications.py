"""Verifications: what nodes answered when they were asked for what was purged."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db.models import QuerySet

from invalidation.models import Batch, Verification


def insert(database: str, rows: Sequence[Verification]) -> list[Verification]:
    """Store these."""
    return Verification.objects.using(database).bulk_create(rows)


def since(database: str, instant: datetime) -> QuerySet[Verification]:
    """Those of requests made since then."""
    return Verification.objects.using(database).filter(checked_at__gt=instant)


def stale_between(database: str, first: datetime, end: datetime) -> QuerySet[Verification]:
    """Requests of that time that brought what was older than its purge."""
    return Verification.objects.using(database).filter(stale=True, checked_at__gte=first, checked_at__lt=end)


def stale_since(database: str, instant: datetime) -> QuerySet[Verification]:
    """Those requests since then that brought what was older than its purge, the newest first."""
    return Verification.objects.using(database).filter(stale=True, checked_at__gte=instant).order_by("-checked_at")


def of_batches(database: str, keys: Collection[int]) -> QuerySet[Verification]:
    """Those of these batches."""
    return Verification.objects.using(database).filter(batch_id__in=keys)


def none() -> QuerySet[Verification]:
    """Of an event that nobody has claimed."""
    return Verification.objects.none()


def of(database: str, batch: Batch, passed_at: datetime) -> list[Verification]:
    """Those of a batch since its last pass."""
    return list(batch.verifications.using(database).filter(checked_at__gte=passed_at))

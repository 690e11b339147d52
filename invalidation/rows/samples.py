"""Samples: what is stored of them, and what is asked of them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db.models import QuerySet

from invalidation.models import Sample


def insert(database: str, sample: Sample) -> None:
    """Store it, unless somebody else has stored one of the same minute."""
    Sample.objects.using(database).bulk_create([sample], ignore_conflicts=True)


def remove(database: str, keys: Collection[int]) -> None:
    """Nobody looks so far back."""
    on(database).filter(pk__in=keys).delete()


def on(database: str) -> QuerySet[Sample]:
    """All of a database."""
    return Sample.objects.using(database)


def newest(database: str) -> Sample | None:
    """The last that was taken."""
    return on(database).order_by("-minute_at").first()


def since(database: str, instant: datetime) -> QuerySet[Sample]:
    """Those of minutes that began then or later, in their order."""
    return on(database).filter(minute_at__gte=instant).order_by("minute_at")

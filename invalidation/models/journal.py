"""What operators look back at: figures of each minute. Nothing in the pipeline depends on them."""

from __future__ import annotations

from django.db import models


class Sample(models.Model):
    """How the pipeline did in one minute, taken when it was over, and how it stood then. A gap is time without beat."""

    minute_at = models.DateTimeField(unique=True)
    """When the minute began."""
    events = models.PositiveIntegerField(default=0)
    """Events stored in it."""
    purges = models.PositiveIntegerField(default=0)
    """Deliveries of batches claimed in it that a cache has proved."""
    p50_seconds = models.FloatField(null=True, blank=True)
    """Median time from the commit to the proof at a node, among the newest of them; null where there was none."""
    p95_seconds = models.FloatField(null=True, blank=True)
    """The time that 95 of 100 of them kept."""
    stale = models.PositiveIntegerField(default=0)
    """Pages that a node was asked for in it, and that were older than their purge."""
    backlog = models.PositiveIntegerField(default=0)
    """Events that nobody had claimed at its end."""
    dead_letters = models.PositiveIntegerField(default=0)
    """Deliveries that had ended without a purge by then, and waited for a person."""
    oldest_seconds = models.FloatField(default=0.0)
    """Age of the oldest work that was not finished then."""
    degraded = models.PositiveBigIntegerField(null=True, blank=True)
    """Pages that had got a short life by then, counted from the beginning; null while Redis was away."""
    succeeded = models.JSONField(default=dict, blank=True)
    """When each node, named `tier node`, last proved a purge: kept from sample to sample."""

    class Meta:
        ordering = ("minute_at",)

    def __str__(self) -> str:
        return f"minute {self.minute_at}"

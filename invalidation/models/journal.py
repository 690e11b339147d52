"""What operators look back at: figures of each minute, and what failed before it went well. No decision needs them."""

from __future__ import annotations

from django.db import models

from invalidation.models.outbox import Delivery, DeliveryStatus


class Sample(models.Model):
    """How the pipeline did in one minute, taken when it was over, and how it stood then. A gap is time without beat."""

    minute_at = models.DateTimeField(unique=True)
    """When the minute began."""
    events = models.PositiveIntegerField(default=0)
    """Events stored in it."""
    purges = models.PositiveIntegerField(default=0)
    """Deliveries of batches claimed in it that a cache has proved, counted among the newest 1,000."""
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


class Attempt(models.Model):
    """What became of one attempt of a delivery, of several that ended alike one after the other, or who replayed it.

    A delivery that succeeds at the first go has none: its own row tells all of it.
    """

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="history")
    """The delivery that was attempted."""
    status = models.CharField(max_length=16, choices=DeliveryStatus.choices)
    """What the delivery was after it; `pending` after a replay."""
    started_at = models.DateTimeField(null=True, blank=True)
    """When the first of them began; null for a replay."""
    ended_at = models.DateTimeField()
    """When the last of them ended."""
    times = models.PositiveIntegerField(default=1)
    """How many ended alike."""
    milliseconds = models.FloatField(null=True, blank=True)
    """How long the last of them took."""
    error = models.TextField(blank=True)
    """Why it failed, in the words of the provider."""
    actor = models.CharField(max_length=150, blank=True)
    """Who replayed the delivery; such a row is no attempt."""

    def __str__(self) -> str:
        return f"{self.status} at {self.ended_at}"

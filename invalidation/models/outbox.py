"""The outbox and its truth: Event (what changed), Batch (what was merged), Delivery (what each tier node did)."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import models
from django.utils import timezone
from django.utils.functional import cached_property

from invalidation.exceptions import InvalidTarget
from invalidation.targets.values import CachePlace, Lane, Manner, Mode, Targets


class EventStatus(models.TextChoices):
    """State of an event."""

    PENDING = "pending"  # stored, not yet claimed by a drain
    CLAIMED = "claimed"  # part of a batch whose deliveries are under way
    DONE = "done"  # every delivery of its batch was confirmed
    DEAD = "dead"  # at least one delivery of its batch ended as a dead letter


class BatchStatus(models.TextChoices):
    """State of a batch."""

    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"


class DeliveryStatus(models.TextChoices):
    """State of one batch on one node of one tier. The transitions stand in `rows.states`."""

    PENDING = "pending"  # waits for the tiers it fills from
    RUNNING = "running"  # a worker holds the lease
    PURGED = "purged"  # final: the cache proved it
    ACCEPTED = "accepted"  # the vendor runs a job; polled to its end
    DEFERRED = "deferred"  # put off without consuming an attempt
    FAILED = "failed"  # tried again at available_at
    REJECTED = "rejected"  # dead letter: refused for good
    DEAD = "dead"  # dead letter: attempts exhausted


class Pass(models.TextChoices):
    """Why a delivery exists."""

    PURGE = "purge"
    REPEAT = "repeat"  # a tier further in succeeded late, or old answers were on their way
    REBOUND = "rebound"  # again after the longest render


class Widening(models.TextChoices):
    """How far a batch is widened because its lane is deep in backlog; each level includes those before it."""

    NONE = "", "none"
    PREFIXES = "prefixes"  # many URLs of one folder become the folder
    EVERYTHING = "everything"  # the product is emptied


class Batch(models.Model):
    """Events claimed together, their targets merged."""

    created_at = models.DateTimeField(default=timezone.now)
    completed_at = models.DateTimeField(null=True, blank=True)
    lane = models.CharField(max_length=16, choices=Lane.choices, default=Lane.EDITORIAL)
    mode = models.CharField(max_length=16, choices=Mode.choices, default=Mode.DELETE, db_default=Mode.DELETE)
    """What becomes of the copies."""
    tiers = models.CharField(max_length=255, blank=True)
    """Tiers asked for, comma-separated; empty means all."""
    targets = models.JSONField(default=dict)
    event_count = models.PositiveIntegerField(default=0)
    recorded_at = models.DateTimeField(null=True, blank=True)
    """When the oldest of its events was stored, by the clock of who wrote it; null for a rebound, which has none."""
    backlog = models.PositiveIntegerField(default=0)
    """Events of its lane that waited when it was claimed, counted no further than the policy needs."""
    widening = models.CharField(max_length=16, blank=True, choices=Widening.choices, default=Widening.NONE)
    """What that backlog allows the planner; `Delivery.decisions` says what came of it."""
    correlation_id = models.CharField(max_length=64, blank=True)
    """Of the first of its events; logs name it from here to the last provider call."""
    traceparent = models.CharField(max_length=55, blank=True, default="", db_default="")
    """Where its own span is in a trace, by which each call to a node finds its parent; empty where nobody traces."""
    sequence = models.BigIntegerField(null=True, blank=True)
    status = models.CharField(max_length=16, choices=BatchStatus.choices, default=BatchStatus.RUNNING)
    rebound_at = models.DateTimeField(null=True, blank=True)
    """When its targets are purged again, because of what was being rendered; null for not at all."""
    rebounded_at = models.DateTimeField(null=True, blank=True)
    """When that was seen to: by `rebound`, or by a later batch that had purged the same already."""
    rebound = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="rebounds")
    """The batch whose deliveries purge it again, together with others that were due; it has no events of its own. Where
    a node was late, the last of several: its own `rebound` is the one before it."""
    verified_at = models.DateTimeField(null=True, blank=True)
    """When a sample of its URLs was asked for, or left out because the budget was spent."""
    wants_refresh = models.BooleanField(default=False, db_default=False)
    """Is what it purges to be fetched again at any tier?"""
    refresh_started_at = models.DateTimeField(null=True, blank=True)
    """When a worker began to fetch it."""
    refreshed_at = models.DateTimeField(null=True, blank=True)
    """When it had done so."""

    class Meta:
        verbose_name_plural = "batches"
        indexes = (
            models.Index(fields=["created_at"], name="invalidation_batch_created"),
            models.Index(fields=["id"], name="invalidation_batch_running", condition=models.Q(status="running")),
            models.Index(
                fields=["rebound_at"],
                name="invalidation_batch_rebound",
                condition=models.Q(rebound_at__isnull=False, rebounded_at__isnull=True),
            ),
            models.Index(fields=["id"], name="invalidation_batch_verify", condition=models.Q(verified_at__isnull=True)),
            models.Index(
                fields=["id"],
                name="invalidation_batch_refresh",
                condition=models.Q(wants_refresh=True, refresh_started_at__isnull=True),
            ),
        )

    def __str__(self) -> str:
        return f"batch {self.pk}"

    @property
    def manner(self) -> Manner:
        """How it is purged."""
        return Manner(self.lane, self.mode)

    @property
    def tier_names(self) -> list[str]:
        """Tiers asked for; none for all."""
        return self.tiers.split(",") if self.tiers else []

    @cached_property
    def merged(self) -> Targets:
        """`targets` as a value; thousands of them are validated once, not for every delivery that is announced.

        Raises:
            InvalidTarget: another program wrote what can't be read.
        """
        return Targets.from_document(self.targets)

    @property
    def readable(self) -> Targets | None:
        """The same, None for what can't be read."""
        try:
            return self.merged
        except InvalidTarget:
            return None


class Fact(models.Model):
    """What has become stale, or will be, by whose doing and how urgently."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now)
    source = models.CharField(max_length=32)
    actor = models.CharField(max_length=150, blank=True)
    reason = models.CharField(max_length=255, blank=True)
    correlation_id = models.CharField(max_length=64, blank=True)
    traceparent = models.CharField(max_length=55, blank=True, default="", db_default="")
    lane = models.CharField(max_length=16, choices=Lane.choices, default=Lane.EDITORIAL)
    mode = models.CharField(max_length=16, choices=Mode.choices, default=Mode.DELETE, db_default=Mode.DELETE)
    """What becomes of the copies."""
    tiers = models.CharField(max_length=255, blank=True)
    """Tiers asked for, comma-separated; empty means all."""
    targets = models.JSONField(default=dict)

    class Meta:
        abstract = True


class Event(Fact):
    """A recorded fact: these targets became stale in the transaction that wrote this row."""

    due_at: datetime | None = None
    """When it will be stored, of one that is still to come. No column: a row's time has come."""

    completed_at = models.DateTimeField(null=True, blank=True)
    status = models.CharField(max_length=16, choices=EventStatus.choices, default=EventStatus.PENDING)
    claimed_at = models.DateTimeField(null=True, blank=True)
    batch = models.ForeignKey(Batch, null=True, blank=True, on_delete=models.SET_NULL, related_name="events")

    class Meta:
        permissions = (
            ("purge", "Can enqueue a purge"),
            ("purge_wide", "Can enqueue a purge of a large share of all pages"),
            ("purge_everything", "Can enqueue a purge of everything"),
            ("view_own", "Can view purges of own changes"),
        )
        indexes = (
            models.Index(
                fields=["-lane", "id"], name="invalidation_event_pending", condition=models.Q(status="pending")
            ),
            models.Index(fields=["created_at"], name="invalidation_event_created"),
            models.Index(fields=["correlation_id"], name="invalidation_event_correlate"),
        )

    def __str__(self) -> str:
        return f"event {self.uid}"


class ScheduledEvent(Fact):
    """An event to come: at this instant a row changes what the public sees, or somebody has asked for a purge.

    Deleted by the transaction that stores the event, which then has the same `uid`.
    """

    due_at = models.DateTimeField(db_index=True)
    model = models.CharField(max_length=128, blank=True)
    """Model tag of the row that changes; empty for what was asked for, whose `targets` are stored."""
    owner = models.CharField(max_length=128, blank=True)
    """Its object tag."""
    key = models.CharField(max_length=255, blank=True)
    """Its primary key."""
    database = models.CharField(max_length=64, blank=True)
    """Alias that holds it, where that has no outbox; empty for this one."""

    class Meta:
        indexes = (
            models.Index(fields=["owner", "due_at"], name="invalidation_scheduled_owner"),
            models.Index(fields=["model", "due_at"], name="invalidation_scheduled_model"),
        )

    def __str__(self) -> str:
        return f"event {self.uid} at {self.due_at}"


class Delivery(models.Model):
    """One batch on one node of one tier."""

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="deliveries")
    tier = models.CharField(max_length=64)
    node = models.CharField(max_length=255, blank=True)
    delivery_pass = models.CharField("pass", max_length=16, choices=Pass.choices, default=Pass.PURGE)
    status = models.CharField(max_length=16, choices=DeliveryStatus.choices, default=DeliveryStatus.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    leases = models.PositiveIntegerField(default=0)
    """How often a worker took it; the number is the token without which nobody may settle."""
    created_at = models.DateTimeField(default=timezone.now)
    available_at = models.DateTimeField(default=timezone.now)
    swept_at = models.DateTimeField(null=True, blank=True)
    """When the sweep last looked after it; it leaves time for its own announcement to arrive."""
    started_at = models.DateTimeField(null=True, blank=True)
    attempted_at = models.DateTimeField(null=True, blank=True)
    """End of the first attempt: the tiers outside wait for it."""
    completed_at = models.DateTimeField(null=True, blank=True)
    calls = models.PositiveIntegerField(default=0)
    removed = models.PositiveIntegerField(null=True, blank=True)
    milliseconds = models.FloatField(null=True, blank=True)
    external_id = models.CharField(max_length=255, blank=True)
    steps = models.JSONField(null=True, blank=True)
    """Calls still to make; null until planned."""
    decisions = models.JSONField(default=list, blank=True)
    """Where the plan widened, and why."""
    reply = models.TextField(blank=True)
    error = models.TextField(blank=True)
    replayed_at = models.DateTimeField(null=True, blank=True)
    replayed_by = models.CharField(max_length=150, blank=True)
    """Who returned this dead letter to pending."""

    class Meta:
        verbose_name_plural = "deliveries"
        indexes = (
            models.Index(fields=["batch", "tier"], name="invalidation_delivery_tier"),
            models.Index(
                fields=["batch", "tier"],
                name="invalidation_delivery_first",
                condition=models.Q(attempted_at__isnull=True),
            ),
            models.Index(
                fields=["available_at"],
                name="invalidation_delivery_due",
                condition=models.Q(status__in=["pending", "running", "accepted", "deferred", "failed"]),
            ),
            models.Index(fields=["status", "tier"], name="invalidation_delivery_status"),
        )

    def __str__(self) -> str:
        return f"{self.delivery_pass} of batch {self.batch_id} on {self.place}"

    @property
    def place(self) -> CachePlace:
        """Where it is made."""
        return CachePlace(self.tier, self.node)


class Verification(models.Model):
    """What one node answered when it was asked for a page that a batch had purged."""

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="verifications")
    tier = models.CharField(max_length=64)
    node = models.CharField(max_length=255, blank=True)
    url = models.TextField()
    status_code = models.PositiveIntegerField(null=True, blank=True)
    """Null where there was no answer at all."""
    cache_status = models.CharField(max_length=32, blank=True)
    """What the node said of its copy, such as HIT."""
    sequence = models.BigIntegerField(null=True, blank=True)
    """At which the answer was rendered; null for an answer that no cache may store."""
    stale = models.BooleanField(default=False)
    """Was it rendered before the batch?"""
    error = models.TextField(blank=True)
    """Why the node could not be asked; then the row proves nothing."""
    checked_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = (
            models.Index(fields=["checked_at"], name="invalidation_verified_at"),
            models.Index(fields=["checked_at"], name="invalidation_stale", condition=models.Q(stale=True)),
        )

    def __str__(self) -> str:
        return f"{self.url} on {self.place}"

    @property
    def place(self) -> CachePlace:
        """Who was asked."""
        return CachePlace(self.tier, self.node)

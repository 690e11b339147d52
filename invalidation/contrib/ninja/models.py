"""The API's two tables: Token (who may ask for what) and Answer (what was answered under an idempotency key)."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.utils import timezone


class Token(models.Model):
    """A right to ask; of its text the hash alone is stored. Never deleted, because its name is the actor of events."""

    name = models.CharField(max_length=100, unique=True, help_text="The actor of its purges, for ever: deploy, shop, …")
    identifier = models.CharField(max_length=12, unique=True, editable=False)
    """The part of its text that is no secret, by which it is found; lists and logs show it."""
    digest = models.CharField(max_length=64, editable=False)
    """SHA-256 of its whole text."""
    scopes = models.JSONField(default=list)
    hosts = models.JSONField(default=list, blank=True)
    """Hosts whose URLs it may purge."""
    tags = models.JSONField(default=list, blank=True)
    """Tags it may purge, with `*` at the end for all that begin so. Without hosts and tags it is not restricted."""
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.CharField(max_length=150, blank=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Refused from then on; empty for never.")
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_by = models.CharField(max_length=150, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    """To the minute."""

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.name

    @property
    def is_restricted(self) -> bool:
        """May it purge only what it lists?"""
        return bool(self.hosts or self.tags)

    def refusal(self, now: datetime) -> str:
        """Why it is no longer in force; "" while it is."""
        if self.revoked_at:
            return "revoked"
        return "expired" if self.expires_at and self.expires_at <= now else ""


class Answer(models.Model):
    """The first answer to a request with an idempotency key."""

    token = models.ForeignKey(Token, on_delete=models.CASCADE, related_name="answers")
    key = models.CharField(max_length=64)
    """SHA-256 of the key: as long for every key, and told apart by its case in every database."""
    fingerprint = models.CharField(max_length=64)
    """SHA-256 of what was asked for."""
    body = models.TextField()
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["token", "key"], name="invalidation_api_answer_key"),)

    def __str__(self) -> str:
        return f"answer {self.pk}"

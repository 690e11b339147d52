"""What is changed, and the ledger of changes, which is written in the same transaction as each of them."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from invalidation.managers import InvalidatingManager


class Label(models.Model):
    """The other end of a many-to-many relation; not registered."""

    name = models.CharField(max_length=20)

    objects: ClassVar[models.Manager[Label]] = models.Manager()

    class Meta:
        app_label = "chaos"

    def __str__(self) -> str:
        return self.name


class Thing(models.Model):
    """Has a page."""

    version = models.CharField(max_length=80)
    slug = models.CharField(max_length=80)
    hot = models.BooleanField(default=False)
    """Changed again and again; others are made and deleted."""
    labels = models.ManyToManyField(Label)

    objects: ClassVar[models.Manager[Thing]] = InvalidatingManager()

    class Meta:
        app_label = "chaos"

    def __str__(self) -> str:
        return self.version

    def get_absolute_url(self) -> str:
        """Its page, at another address after each change of its slug."""
        return f"/things/{self.pk}/{self.slug}/"


class Change(models.Model):
    """One committed change and what it made stale, as its writer knows it, not as any rule says."""

    token = models.CharField(max_length=80, unique=True)
    kind = models.CharField(max_length=40)
    tags = models.JSONField(default=list)
    urls = models.JSONField(default=list)
    written_at = models.FloatField()
    """Seconds since 1970, just before the commit."""

    objects: ClassVar[models.Manager[Change]] = models.Manager()

    class Meta:
        app_label = "chaos"

    def __str__(self) -> str:
        return self.token

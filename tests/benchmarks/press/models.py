"""An article with the fields of the blog's posts."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone


class Named(models.Model):
    """An author or a section: what an article's own address lists lead to."""

    slug = models.SlugField(unique=True)

    objects: ClassVar[models.Manager[Named]] = models.Manager()

    def get_absolute_url(self) -> str:
        """Its list of articles."""
        return f"/press/by/{self.slug}/"


class Article(models.Model):
    """What is saved and loaded."""

    title = models.CharField(max_length=200)
    slug = models.SlugField(max_length=200, unique=True)
    excerpt = models.CharField(max_length=300)
    body = models.TextField()
    section = models.ForeignKey(Named, on_delete=models.PROTECT, related_name="+")
    author = models.ForeignKey(Named, on_delete=models.PROTECT, related_name="+")
    status = models.CharField(max_length=16, default="published")
    published_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)
    view_count = models.PositiveIntegerField(default=0)

    objects: ClassVar[models.Manager[Article]] = models.Manager()

    def get_absolute_url(self) -> str:
        """Its page."""
        return f"/press/{self.slug}/"

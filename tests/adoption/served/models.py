"""What the site shows."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Post(models.Model):
    """A title at an address."""

    title = models.CharField(max_length=80)

    objects: ClassVar[models.Manager[Post]] = models.Manager()

    def get_absolute_url(self) -> str:
        return f"/posts/{self.pk}/"

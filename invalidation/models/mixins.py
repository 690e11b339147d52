"""What a project's own models may be mixed with."""

from __future__ import annotations

from typing import Any

from django.db import models, router, transaction


class AtomicSaveMixin(models.Model):
    """Makes `save()` one transaction with its signals, so that in autocommit mode the event can't be lost.

    Django commits an autocommit `save()` before it sends `post_save`; a process that dies between the two has
    changed the row and recorded nothing. `delete()` is atomic in Django already.
    """

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """As Django's, in a transaction."""
        using = kwargs.get("using") or router.db_for_write(type(self), instance=self)
        with transaction.atomic(using=using):
            super().save(*args, **kwargs)

"""First answers: stored with the purge that they tell of, found by token and key, pruned with the rest."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from invalidation.contrib.ninja.conf import database, settings
from invalidation.contrib.ninja.models import Answer, Token

#: Rows per DELETE, so that no statement holds locks for long.
CHUNK = 5000


def insert(token: Token, key: str, fingerprint: str, body: str) -> None:
    """Store one.

    Raises:
        IntegrityError: the token has used this key.
    """
    Answer(token=token, key=key, fingerprint=fingerprint, body=body).save(using=database(), force_insert=True)


def first(token: Token, key: str) -> Answer | None:
    """What was answered to the token under this key."""
    return Answer.objects.using(database()).filter(token=token, key=key).first()


def prune(**_: Any) -> None:
    """Forget the keys that were promised to be remembered no longer."""
    before = timezone.now() - timedelta(hours=settings().answers_hours)
    rows = Answer.objects.using(database())
    while pks := list(rows.filter(created_at__lt=before).values_list("pk", flat=True)[:CHUNK]):
        rows.filter(pk__in=pks).delete()

"""Tokens: how they are stored, found, noted and revoked."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from invalidation.contrib.ninja.conf import database
from invalidation.contrib.ninja.models import Token

#: Uses are noted this often at most: a write for each request would be dearer than the request.
NOTED = timedelta(minutes=1)


def every() -> QuerySet[Token]:
    """All of them, the newest first."""
    return Token.objects.using(database())


def insert(token: Token) -> Token:
    """Store a new one.

    Raises:
        IntegrityError: there was one of this name.
    """
    with transaction.atomic(using=database()):
        token.save(using=database(), force_insert=True)
    return token


def note_use(token: Token) -> None:
    """It was used just now."""
    now = timezone.now()
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now - NOTED)
    if token.last_used_at is None or token.last_used_at < now - NOTED:
        every().filter(stale, pk=token.pk).update(last_used_at=now)


def revoke(keys: Collection[int], *, by: str) -> int:
    """Refuse them from now on; returns how many were in force until now."""
    return every().filter(pk__in=keys, revoked_at=None).update(revoked_at=timezone.now(), revoked_by=by[:150])

"""What a token may be good for, and who may give it that. Pure."""

from __future__ import annotations

from django.db.models import TextChoices


class Scope(TextChoices):
    """A kind of request; `PURGE…` are named like the permissions of people."""

    PURGE = "purge", "purge: enqueue purges, and follow its own"
    PURGE_KEYS = "purge_keys", "purge_keys: also keys of the default cache"
    PURGE_WIDE = "purge_wide", "purge_wide: also a large share of all pages"
    PURGE_EVERYTHING = "purge_everything", "purge_everything: also everything, and whole sites"
    READ = "read", "read: see every purge, whoever started it"
    STATUS = "status", "status: see tiers and health"


#: What a person needs to give it away.
PERMISSIONS = {
    Scope.PURGE: "invalidation.purge",
    Scope.PURGE_KEYS: "invalidation.purge",
    Scope.PURGE_WIDE: "invalidation.purge_wide",
    Scope.PURGE_EVERYTHING: "invalidation.purge_everything",
    Scope.READ: "invalidation.view_event",
    Scope.STATUS: "invalidation.view_event",
}

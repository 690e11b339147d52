"""settings.INVALIDATION, read once into typed frozen values; the only module that reads Django's settings for it."""

from __future__ import annotations

from functools import cache

from django.conf import settings as django_settings

from invalidation.conf.changes import when_changed
from invalidation.conf.parsing import parse
from invalidation.conf.schema import Settings, Tier

__all__ = ["Settings", "Tier", "parse", "settings"]


@cache
def settings() -> Settings:
    """The settings in force, parsed once per process (again after a test overrides them)."""
    return parse(getattr(django_settings, "INVALIDATION", {}))


@when_changed("INVALIDATION")
def _forget() -> None:
    settings.cache_clear()

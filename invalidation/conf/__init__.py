"""settings.INVALIDATION, read once into typed frozen values; the only module that reads Django's settings for it."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.conf import settings as django_settings
from django.core.signals import setting_changed

from invalidation.conf.parsing import parse
from invalidation.conf.schema import Settings, Tier

__all__ = ["Settings", "Tier", "parse", "settings"]


@cache
def settings() -> Settings:
    """The settings in force, parsed once per process (again after a test overrides them)."""
    return parse(getattr(django_settings, "INVALIDATION", {}))


def _forget(*, setting: str, **_: Any) -> None:
    if setting == "INVALIDATION":
        settings.cache_clear()


setting_changed.connect(_forget, dispatch_uid="invalidation.conf")

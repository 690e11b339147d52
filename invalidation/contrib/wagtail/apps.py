"""The Django app: by being installed it lets Wagtail find the hooks that tag pages."""

from __future__ import annotations

from django.apps import AppConfig


class WagtailConfig(AppConfig):
    """Cache invalidation for Wagtail."""

    name = "invalidation.contrib.wagtail"
    label = "invalidation_wagtail"

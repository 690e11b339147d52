"""Trees, for the tests."""

from __future__ import annotations

from django.apps import AppConfig


class TreesConfig(AppConfig):
    """Installed by the tests' settings alone."""

    name = "tests.unit.trees"
    default_auto_field = "django.db.models.BigAutoField"

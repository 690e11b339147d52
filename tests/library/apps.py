"""A library whose models cover every way in which Django can store and relate things."""

from __future__ import annotations

from django.apps import AppConfig


class LibraryConfig(AppConfig):
    """Installed by the test settings."""

    name = "tests.library"
    label = "library"
    default_auto_field = "django.db.models.BigAutoField"

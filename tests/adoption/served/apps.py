"""Under a name that no app of the other tests has."""

from __future__ import annotations

from django.apps import AppConfig


class ServedConfig(AppConfig):
    """The site's only app."""

    name = "tests.adoption.served"
    label = "served"
    default_auto_field = "django.db.models.BigAutoField"

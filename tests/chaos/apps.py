"""The Django app of the fault injection."""

from __future__ import annotations

from django.apps import AppConfig

from tests.chaos import site


class ChaosConfig(AppConfig):
    """What is written to while everything dies."""

    name = "tests.chaos"
    label = "chaos"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect the naive emitter where it is asked for; the product finds `invalidations` by itself."""
        if site.is_naive():
            from tests.chaos import naive

            naive.connect()

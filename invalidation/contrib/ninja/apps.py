"""The Django app: tokens and answers, which are pruned with the rest."""

from __future__ import annotations

from django.apps import AppConfig

from invalidation import lazy


class NinjaConfig(AppConfig):
    """HTTP API of django-invalidation."""

    name = "invalidation.contrib.ninja"
    label = "invalidation_api"
    verbose_name = "Invalidation API"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listen to whoever prunes."""
        from invalidation.signals import pruning

        path = "invalidation.contrib.ninja.rows.answers.prune"
        pruning.connect(lazy.call(path), weak=False, dispatch_uid=path)

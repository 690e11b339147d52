"""The Django app: discovers `invalidations.py` in every app and connects its receivers."""

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class InvalidationConfig(AppConfig):
    """Cache invalidation."""

    name = "invalidation"
    label = "invalidation"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Discover rules, then listen."""
        from invalidation import checks, checks_deployment  # noqa: F401 (register the system checks)
        from invalidation.caching import commit, transactions
        from invalidation.emission import receivers
        from invalidation.pipeline import retire

        autodiscover_modules("invalidations")
        receivers.connect_all()
        transactions.connect()
        commit.connect()
        retire.connect()

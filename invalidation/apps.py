"""The Django app: discovers `invalidations.py` in every app and connects its receivers."""

from django.apps import AppConfig
from django.core import checks
from django.db.backends.signals import connection_created
from django.utils.module_loading import autodiscover_modules

from invalidation import lazy

#: System checks with their tags: functions of the app, imported by who runs them.
CHECKS = {
    "checks.configuration.check_settings": ("invalidation",),
    "checks.configuration.check_models": ("invalidation", "models"),
    "checks.configuration.check_tables": (checks.Tags.database,),
    "checks.deletions.check_deletions": ("invalidation", "models"),
    "checks.database.check_databases": ("invalidation",),
    "checks.deployment.check_soft_purges": ("invalidation",),
}
DEPLOYMENT_CHECKS = {"checks.deployment.check_deployment": ("invalidation",)}


class InvalidationConfig(AppConfig):
    """Cache invalidation."""

    name = "invalidation"
    label = "invalidation"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Discover rules, then listen; what a write or a request needs is imported by the first."""
        from invalidation.emission import receivers
        from invalidation.freshness import unit_of_work  # noqa: F401 (the process begins here)
        from invalidation.signals import batch_settled, committed

        _register_checks()
        autodiscover_modules("invalidations")
        receivers.connect_all()
        for signal, path in (
            (connection_created, "caching.transactions.watch"),
            (committed, "caching.commit.replace"),
            (batch_settled, "pipeline.aftercare.retire.retire"),
        ):
            signal.connect(lazy.call(f"invalidation.{path}"), weak=False, dispatch_uid=f"invalidation.{path}")


def _register_checks() -> None:
    for path, tags in CHECKS.items():
        checks.register(lazy.call(f"invalidation.{path}"), *tags)
    for path, tags in DEPLOYMENT_CHECKS.items():
        checks.register(lazy.call(f"invalidation.{path}"), *tags, deploy=True)

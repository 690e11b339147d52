"""System checks: settings that would lose purges or leave stale copies, each with a stable id and its remedy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings as django_settings
from django.core import checks
from django.core.cache import caches
from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model

from invalidation import conf
from invalidation.conf import graph
from invalidation.emission import registry
from invalidation.managers import InvalidatingQuerySet
from invalidation.models import AtomicSaveMixin
from invalidation.providers.redis import Redis, is_shared
from invalidation.providers.registry import provider, provider_class
from invalidation.triggers import installed


def check_settings(**_: Any) -> list[CheckMessage]:
    """E001: settings can't be used. E002: unknown databases. E003: HTTP tiers without SITES. E007, W008: below."""
    try:
        settings = conf.settings()
        graph.order(settings.tiers)
        for tier in settings.tiers.values():
            for node in tier.nodes:
                provider(tier.name, node)
    except ImproperlyConfigured as error:
        hint = "Correct what the message names in settings.INVALIDATION."
        return [Error(str(error), hint=hint, id="invalidation.E001")]
    return list(_tier_problems(settings))


def _tier_problems(settings: conf.Settings) -> Iterator[CheckMessage]:
    if unknown := set(settings.databases) - set(django_settings.DATABASES):
        yield Error(
            f"INVALIDATION['DATABASES'] names {sorted(unknown)}, which DATABASES lacks.",
            hint="Correct the alias, or add it to DATABASES.",
            id="invalidation.E002",
        )
    responses = [tier for tier in settings.tiers.values() if provider_class(tier.provider).holds_responses]
    if responses and not settings.sites:
        hint = "Set INVALIDATION['SITES'] to the origins that the site is reached at, such as ['https://example.com']."
        yield Error("HTTP tiers are configured, but no site.", hint=hint, id="invalidation.E003")
    yield from _caches_of_one_process(settings)
    if responses and not settings.pages.query_parameters.declared:
        yield _any_parameter()
    if not settings.redis_url:
        hint = "Set INVALIDATION['REDIS_URL']; without it an in-flight render may re-fill a cache with old content."
        yield checks.Warning("No Redis for the sequence and the tag index.", hint=hint, id="invalidation.W001")


def _any_parameter() -> CheckMessage:
    """W008: a flood of made-up addresses is a flood of pages, each of which an edit has to purge."""
    return checks.Warning(
        "No query parameters are declared: whoever appends one to an address makes another page of it.",
        hint=(
            "Set INVALIDATION['PAGES']['QUERY_PARAMETERS'] to the names that pages depend on, such as ['page'], [] for "
            "none, or names for each pattern of paths, and give the shipped proxies the same (docs/how-to/proxies.md)."
        ),
        id="invalidation.W008",
    )


def _caches_of_one_process(settings: conf.Settings) -> Iterator[CheckMessage]:
    """E007: a worker would empty its own, and call that of the site purged."""
    tiers = [tier for tier in settings.tiers.values() if issubclass(provider_class(tier.provider), Redis)]
    aliases = {alias for tier in tiers for alias in tier.options.get("CACHES", ["default"])}
    for alias in sorted(aliases & caches.settings.keys()):
        if not is_shared(caches[alias]):
            yield Error(
                f"A tier names the cache {alias!r}, a {type(caches[alias]).__name__}: each process has its own, so a "
                "worker can't purge that of the site.",
                hint="Use a backend that processes share, such as Redis, or take the alias out of the tier.",
                id="invalidation.E007",
            )


def check_models(**_: Any) -> list[CheckMessage]:
    """W002, W010: bulk writes are not seen. W003: an autocommit save can lose its event. W007: so can others."""
    return [*_blind_managers(), *_autocommit(), *_apart()]


def check_tables(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """I001: raw SQL is not seen. Asked where a database is named: by `migrate`, and `check --database default`."""
    return [message for alias in databases or () for message in _blind_tables(connections[alias])]


def _blind_tables(connection: BaseDatabaseWrapper) -> Iterator[CheckMessage]:
    tables = {model._meta.db_table for model in registry.registered() if not model._meta.proxy}
    if blind := tables - installed(connection):
        yield checks.Info(
            f"Raw SQL on these tables of {connection.alias!r} invalidates nothing: {', '.join(sorted(blind))}.",
            hint="Install invalidation.triggers.InstallTrigger (PostgreSQL), or call invalidation.invalidate().",
            id="invalidation.I001",
        )


def _blind_managers() -> Iterator[CheckMessage]:
    """W002 for each model of the project; W010 once for those of packages, whose classes nobody can change."""
    blind = [model for model in registry.registered() if not model._meta.auto_created and _is_blind(model)]
    foreign = [model for model in blind if is_installed(apps.get_app_config(model._meta.app_label))]
    for model in blind:
        if model not in foreign:
            yield checks.Warning(
                "update(), bulk_create() and bulk_update() of this model's default manager invalidate nothing.",
                hint="Use invalidation.managers.InvalidatingManager, or name the manager in Rules.managers.",
                obj=model,
                id="invalidation.W002",
            )
    if foreign:
        yield _foreign(", ".join(sorted(model._meta.label for model in foreign)))


def _is_blind(model: type[Model]) -> bool:
    return not isinstance(model._default_manager.get_queryset(), InvalidatingQuerySet)


def _foreign(names: str) -> CheckMessage:
    return checks.Warning(
        f"update(), bulk_create() and bulk_update() of these models of packages invalidate nothing: {names}.",
        hint=(
            "Name their managers in Rules.managers, or call invalidation.invalidate() after bulk writes. Once you have "
            "looked, silence this by SILENCED_SYSTEM_CHECKS = ['invalidation.W010']."
        ),
        id="invalidation.W010",
    )


def is_installed(app: AppConfig) -> bool:
    """Does it belong to an installed package rather than to the project?"""
    return bool({"site-packages", "dist-packages"} & set(Path(app.path).parts))


def _autocommit() -> Iterator[CheckMessage]:
    autocommit = [name for name, database in django_settings.DATABASES.items() if not database.get("ATOMIC_REQUESTS")]
    models = [m for m in registry.registered() if not issubclass(m, AtomicSaveMixin) and not m._meta.auto_created]
    if autocommit and models:
        hint = "Set ATOMIC_REQUESTS, save inside atomic(), or add invalidation.models.AtomicSaveMixin to the models."
        names = ", ".join(sorted(model._meta.label for model in models))
        yield checks.Warning(
            f"Django commits a plain save() before it sends post_save; a crash in between loses the event of {names}.",
            hint=hint,
            id="invalidation.W003",
        )


def _apart() -> Iterator[CheckMessage]:
    """Read replicas are left out: a router lets nobody migrate them."""
    try:
        outboxes = conf.settings().databases
    except ImproperlyConfigured:  # E001
        return
    models = [model for model in registry.registered() if not model._meta.auto_created]
    for alias in sorted(set(django_settings.DATABASES) - set(outboxes)):
        if any(router.allow_migrate_model(alias, model) for model in models):
            yield checks.Warning(
                f"{alias!r} may hold registered models and has no outbox: a crash after its commit loses the event.",
                hint=f"Name {alias!r} in INVALIDATION['DATABASES'] and migrate it, or let a router keep them out.",
                id="invalidation.W007",
            )

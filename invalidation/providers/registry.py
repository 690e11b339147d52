"""Provider instances, built lazily from the settings: one per tier node and process."""

from __future__ import annotations

from functools import cache

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from invalidation import conf
from invalidation.conf.changes import when_changed
from invalidation.providers.base import Provider


@cache
def provider_class(path: str) -> type[Provider]:
    """The class at a dotted path.

    Raises:
        ImproperlyConfigured: there is none, or it isn't a Provider.
    """
    try:
        loaded = import_string(path)
    except ImportError as error:
        raise ImproperlyConfigured(f"PROVIDER {path!r} can't be imported: {error}") from error
    if not (isinstance(loaded, type) and issubclass(loaded, Provider)):
        raise ImproperlyConfigured(f"PROVIDER {path!r} is not a subclass of invalidation.providers.base.Provider.")
    return loaded


@cache
def provider(tier: str, node: str, *, soft: bool = False) -> Provider:
    """The provider of one node, or with `soft` the one that purges it softly; its first call opens connections."""
    declared = conf.settings().tiers[tier]
    options = {**declared.options, "SOFT": True} if soft else declared.options
    return provider_class(declared.provider)(tier, node, options)


@when_changed("INVALIDATION")
def _forget() -> None:
    provider.cache_clear()

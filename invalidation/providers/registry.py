"""Provider instances, built lazily from the settings: one per tier node and process."""

from __future__ import annotations

from functools import cache

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from invalidation import conf
from invalidation.conf import graph
from invalidation.conf.changes import when_changed
from invalidation.providers.base import Provider
from invalidation.targets.values import CachePlace, Lane, Manner, Mode


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
def provider(tier: str, node: str, *, soft: bool | None = None) -> Provider:
    """The provider of one node, `soft` or not whatever its option says; its first call opens connections."""
    declared = conf.settings().tiers[tier]
    options = declared.options if soft is None else {**declared.options, "SOFT": soft}
    return provider_class(declared.provider)(tier, node, options)


def purger(place: CachePlace, manner: Manner, *, soft: bool | None = None) -> Provider:
    """The provider of one node as it purges in this manner; `soft` where that is known already."""
    options = conf.settings().tiers[place.tier].options
    wanted = is_soft(place.tier, manner) if soft is None else soft
    return provider(*place) if wanted == bool(options.get("SOFT")) else provider(*place, soft=wanted)


def is_soft(tier: str, manner: Manner) -> bool:
    """Is the old copy shown once more while a new one is fetched?

    Where the tier's option SOFT says so, but for a takedown; and where the mode asks for it, as long as nothing fills
    from the tier: a cache outside would keep the old copy for its whole life.
    """
    tiers = conf.settings().tiers
    if tier not in tiers or not provider_class(tiers[tier].provider).supports_soft or manner.lane == Lane.TAKEDOWN:
        return False
    asked = manner.mode == Mode.INVALIDATE and not graph.outer(tiers, tier)
    return asked or bool(tiers[tier].options.get("SOFT"))


@when_changed("INVALIDATION")
def _forget() -> None:
    provider.cache_clear()

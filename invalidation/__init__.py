"""Event-driven cache invalidation for Django: what changed, where its copies are, and proof that they are gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invalidation import lazy

if TYPE_CHECKING:
    from invalidation.emission.api import ainvalidate as ainvalidate
    from invalidation.emission.api import invalidate as invalidate
    from invalidation.emission.registry import register as register
    from invalidation.emission.rules import Rules as Rules
    from invalidation.emission.rules import object_tag as object_tag
    from invalidation.emission.suspension import suspend as suspend
    from invalidation.emission.suspension import widen as widen
    from invalidation.targets.values import CacheKey as CacheKey
    from invalidation.targets.values import Lane as Lane
    from invalidation.targets.values import Targets as Targets

#: Loaded on first use, because Django imports this package before its app registry is ready.
_HOMES = {
    "CacheKey": "targets.values",
    "Lane": "targets.values",
    "Targets": "targets.values",
    "Rules": "emission.rules",
    "object_tag": "emission.rules",
    "register": "emission.registry",
    "ainvalidate": "emission.api",
    "invalidate": "emission.api",
    "suspend": "emission.suspension",
    "widen": "emission.suspension",
}
__all__ = [
    "CacheKey",
    "Lane",
    "Rules",
    "Targets",
    "ainvalidate",
    "invalidate",
    "object_tag",
    "register",
    "suspend",
    "widen",
]


__getattr__ = lazy.attributes(__name__, _HOMES)

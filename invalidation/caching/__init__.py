"""Application caches that can't keep what was invalidated: values by tag, querysets, template fragments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invalidation import lazy

if TYPE_CHECKING:
    from invalidation.caching import tagged as tagged
    from invalidation.caching.fragments import fragment_key as fragment_key
    from invalidation.caching.querysets.queries import CachedManager as CachedManager
    from invalidation.caching.querysets.queries import CachedQuerySet as CachedQuerySet
    from invalidation.caching.querysets.queries import cache_queryset as cache_queryset
    from invalidation.caching.values.store import ABSENT as ABSENT
    from invalidation.caching.values.store import TaggedCache as TaggedCache
    from invalidation.freshness.unit_of_work import fresh_start as fresh_start

#: The app imports parts of this package at its start, and not the Redis client that others of them need.
_HOMES = {
    "fragment_key": "caching.fragments",
    "CachedManager": "caching.querysets.queries",
    "CachedQuerySet": "caching.querysets.queries",
    "cache_queryset": "caching.querysets.queries",
    "ABSENT": "caching.values.store",
    "TaggedCache": "caching.values.store",
    "fresh_start": "freshness.unit_of_work",
}
__getattr__ = lazy.attributes("invalidation", _HOMES)
__all__ = [
    "ABSENT",
    "CachedManager",
    "CachedQuerySet",
    "TaggedCache",
    "cache_queryset",
    "fragment_key",
    "fresh_start",
    "tagged",
]

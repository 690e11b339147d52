"""Application caches that can't keep what was invalidated: values by tag, querysets, template fragments."""

from invalidation.caching import tagged
from invalidation.caching.fragments import fragment_key
from invalidation.caching.queries import CachedManager, CachedQuerySet, cache_queryset
from invalidation.caching.store import ABSENT, TaggedCache
from invalidation.freshness.beginning import fresh_start

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

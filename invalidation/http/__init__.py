"""HTTP side: tags on responses, and the guard that keeps outdated ones out of the caches."""

from invalidation.http.tags import add_cache_tags, cache_tags, tags_of

__all__ = ["add_cache_tags", "cache_tags", "tags_of"]

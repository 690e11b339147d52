"""HTTP side: tags, lifetimes and validators of responses, and the guard that keeps outdated ones out of the caches."""

from invalidation.http.etags import conditional
from invalidation.http.pages import cache_public_page
from invalidation.http.tags import add_cache_tags, cache_tags, tags_of

__all__ = ["add_cache_tags", "cache_public_page", "cache_tags", "conditional", "tags_of"]

"""Template fragments made with Django's `{% cache %}`, as keys that an invalidation can name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.cache.utils import make_template_fragment_key

from invalidation.targets.values import CacheKey

#: The alias that Django's `{% cache %}` prefers where it exists.
FRAGMENTS_ALIAS = "template_fragments"


def fragment_key(name: str, vary_on: Iterable[Any] = (), *, using: str = "") -> CacheKey:
    """Where `{% cache … name vary_on… using=… %}` keeps its fragment; for `keys` of rules and of `invalidate()`."""
    alias = using or (FRAGMENTS_ALIAS if FRAGMENTS_ALIAS in settings.CACHES else "default")
    return CacheKey(make_template_fragment_key(name, vary_on), alias)

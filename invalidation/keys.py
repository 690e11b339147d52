"""Names application cache entries that Django itself made: template fragments and whole pages, and keys by pattern."""

from __future__ import annotations

import glob
from collections.abc import Iterable
from hashlib import md5

from django.conf import settings as django_settings
from django.core.cache.utils import make_template_fragment_key

from invalidation import conf
from invalidation.targets import sites
from invalidation.targets.values import CacheKey


def pattern(text: str, *, alias: str = "default", version: int = -1) -> CacheKey:
    """Every key that matches, `*`, `?` and `[…]` as in Redis' SCAN; on caches of django-redis alone.

    SCAN looks at every key of the server, so name keys or use tags where you can.
    """
    return CacheKey(text, alias, version, pattern=True)


def fragment(name: str, *vary_on: object, alias: str = "") -> CacheKey:
    """What `{% cache … name vary_on… %}` stored; its alias as Django finds it, unless the tag named one by `using`."""
    default = "template_fragments" if "template_fragments" in django_settings.CACHES else "default"
    return CacheKey(make_template_fragment_key(name, vary_on), alias or default)


def pages(urls: Iterable[str], *, prefix: str = "", alias: str = "default") -> list[CacheKey]:
    """What `cache_page` or the cache middleware stored for these URLs: every method, variant, language and time zone.

    A path stands for every configured site. Matches by pattern, because the key holds the hash of what it varies by.
    """
    absolute = sorted(sites.expand_known(urls, conf.settings().sites))
    hashes = [md5(url.encode("ascii"), usedforsecurity=False).hexdigest() for url in absolute]
    start = f"views.decorators.cache.cache_*.{glob.escape(prefix)}."
    return [pattern(f"{start}*{digest}*", alias=alias) for digest in hashes]

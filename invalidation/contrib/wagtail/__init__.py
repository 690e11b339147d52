"""Wagtail: what an editor's change makes stale, what a page is tagged with, and a backend of `frontend_cache`.

Put `invalidation.contrib.wagtail` into `INSTALLED_APPS` beside `invalidation`, both below Wagtail's own apps, and call
`register_pages` in an `invalidations.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from invalidation import lazy

if TYPE_CHECKING:
    from invalidation.contrib.wagtail.frontend_cache import FrontendCache as FrontendCache
    from invalidation.contrib.wagtail.registration import register_pages as register_pages
    from invalidation.contrib.wagtail.rules.pages import PageRules as PageRules

#: Loaded on first use: Django imports this package before its app registry is ready.
_HOMES = {"FrontendCache": "frontend_cache", "PageRules": "rules.pages", "register_pages": "registration"}
__all__ = ["FrontendCache", "PageRules", "register_pages"]

__getattr__ = lazy.attributes(__name__, _HOMES)
